import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { Usage } from '../../../core/contracts/usage.ts';
import type { SandboxLimits } from '../docker/docker-containers.ts';
import type { GatewaySettings } from '../gateway/gateway.ts';

/** What both backends need. Secrets come in here and go to the gateway, nowhere else. */
export interface BackendOptions {
  /** Names what belongs to this runner, so that reaping leaves other runners alone. */
  runner: string;
  /** Transcripts and bundles of runs. */
  stateDir: string;
  /** The installed Agent SDK and other things that can be made again. */
  cacheDir: string;
  /** Null: Anthropic's own address. */
  anthropicBaseUrl: string | null;
  anthropicApiKey: string | null;
  azureDevopsUrl: string;
  /** Null: the repository's server asks for none (twins). */
  azureDevopsPat: string | null;
  /** Reads builds, for runs with the credential `azure-devops-build-read`. */
  azureDevopsBuildPat?: string | null;
  /** Null: GitHub's own address. */
  githubUrl?: string | null;
  githubToken?: string | null;
  statusUrl?: string | null;
  dozzleUrl?: string | null;
  dozzleAuthorization?: string | null;
  /** Resolvers for tunnels; none: the host's own. */
  dnsServers?: readonly string[];
  /** Another container runtime (`runsc`); null: the engine's default. Asked for and not installed is an error. */
  runtime?: string | null;
  /** Null: what the host's npm is configured for. */
  npmRegistryUrl: string | null;
  costMicroUsd: (usage: Usage) => number;
  limits?: Partial<SandboxLimits>;
  log: (line: string) => void;
}

/** For the SDK's small calls (titles, summaries of output). */
const AUXILIARY_MODEL = 'claude-haiku-5-5';
/** The most that the SDK asks for of today's models. */
const MAX_OUTPUT_TOKENS = 128_000;

/** Fits three sessions on a host of 12 GB; a host that has less says so in its settings. */
export const DEFAULT_LIMITS: SandboxLimits = {
  memoryMb: 4_096,
  cpus: 2,
  pids: 512,
  workspaceMb: 2_048,
  homeMb: 512,
  tmpMb: 512,
};

async function hostRegistry(): Promise<string> {
  const asked = promisify(execFile)('npm', ['config', 'get', 'registry'], { timeout: 20_000 });
  const { stdout } = await asked.catch(() => ({ stdout: '' }));
  const url = stdout.trim().split('\n').at(-1) ?? '';
  if (URL.canParse(url)) return url;
  throw new Error('npm does not tell its registry: set NPM_REGISTRY_URL');
}

export async function gatewaySettings(options: BackendOptions): Promise<GatewaySettings> {
  return {
    anthropicBaseUrl: options.anthropicBaseUrl ?? 'https://api.anthropic.com',
    anthropicApiKey: options.anthropicApiKey,
    auxiliaryModel: AUXILIARY_MODEL,
    maxOutputTokens: MAX_OUTPUT_TOKENS,
    azureDevopsUrl: options.azureDevopsUrl,
    azureDevopsPat: options.azureDevopsPat,
    azureDevopsBuildPat: options.azureDevopsBuildPat ?? null,
    githubUrl: options.githubUrl ?? 'https://api.github.com',
    githubToken: options.githubToken ?? null,
    statusUrl: options.statusUrl ?? null,
    dozzleUrl: options.dozzleUrl ?? null,
    dozzleAuthorization: options.dozzleAuthorization ?? null,
    dnsServers: options.dnsServers ?? [],
    npmRegistryUrl: options.npmRegistryUrl ?? (await hostRegistry()),
    costMicroUsd: options.costMicroUsd,
  };
}

/** For what honours proxy variables, in runs that have tunnels; the gateway itself is no proxy's business. */
export const proxyEnvironment = (gatewayUrl: string): Record<string, string> => {
  const { host, hostname } = new URL(gatewayUrl);
  return {
    HTTPS_PROXY: `http://${host}`,
    https_proxy: `http://${host}`,
    NO_PROXY: hostname,
    no_proxy: hostname,
  };
};

/** npm in a container: everything from the gateway, whatever host a lock file names. */
export const npmEnvironment = (gatewayUrl: string): Record<string, string> => ({
  npm_config_registry: `${gatewayUrl}/npm/`,
  npm_config_replace_registry_host: 'always',
  npm_config_audit: 'false',
  npm_config_fund: 'false',
  npm_config_update_notifier: 'false',
});
