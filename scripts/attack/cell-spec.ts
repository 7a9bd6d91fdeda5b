import { costMicroUsd } from '../../core/cost/prices.ts';
import { createDockerBackend } from '../../sandbox-runner/src/backend/backend-docker.ts';
import type {
  SandboxBackend,
  SandboxHandlers,
  SandboxSpec,
} from '../../sandbox-runner/src/backend/sandbox.ts';
import { ROUTE_NAMES } from '../../sandbox-runner/src/gateway/routes.ts';
import { nameOf, RECORDS, RESOLVER } from './addresses.ts';

export const MODEL = 'claude-opus-5-5';
export const PROJECT = 'shop';
export const REPOSITORY = 'parcel-rates';

/** Secrets that exist nowhere but in the runner's settings; whoever finds one elsewhere has found a leak. */
export interface Canaries {
  modelKey: string;
  codePat: string;
  buildPat: string;
  githubToken: string;
  dozzleToken: string;
}

export interface BackendSettings {
  runner: string;
  stateDir: string;
  cacheDir: string;
  canaries: Canaries;
  upstreams: Record<'anthropic' | 'azureDevops' | 'github' | 'registry' | 'dozzle' | 'statusPage', string>;
}

export const quietHandlers: SandboxHandlers = {
  onTool: async () => ({ text: 'heard', isError: false }),
  onEvent: () => undefined,
  onUsage: () => undefined,
};

/** The lock file of the repository: what the registry route may serve. */
export const LOCK = JSON.stringify({
  name: 'probe',
  version: '1.0.0',
  lockfileVersion: 3,
  packages: {
    '': { name: 'probe', version: '1.0.0' },
    'node_modules/locked': { version: '1.0.0' },
    'node_modules/redirected': { version: '1.0.0' },
  },
});

/** Every name of the outside but one is opted in, so that what keeps a tunnel shut is the address. */
const TUNNELS = Object.keys(RECORDS)
  .filter((label) => label !== 'blocked')
  .map((label) => `tunnel:${nameOf(label)}`);

export function newBackend(settings: BackendSettings, log: (line: string) => void): SandboxBackend {
  const { runner, stateDir, cacheDir, canaries, upstreams } = settings;
  return createDockerBackend({
    runner,
    stateDir,
    cacheDir,
    anthropicBaseUrl: upstreams.anthropic,
    anthropicApiKey: canaries.modelKey,
    azureDevopsUrl: upstreams.azureDevops,
    azureDevopsPat: canaries.codePat,
    azureDevopsBuildPat: canaries.buildPat,
    githubUrl: upstreams.github,
    githubToken: canaries.githubToken,
    statusUrl: `${upstreams.statusPage}/status`,
    dozzleUrl: upstreams.dozzle,
    dozzleAuthorization: `Bearer ${canaries.dozzleToken}`,
    dnsServers: [RESOLVER],
    npmRegistryUrl: upstreams.registry,
    costMicroUsd,
    limits: { memoryMb: 1_024, cpus: 1, pids: 256, workspaceMb: 64, homeMb: 64, tmpMb: 32 },
    log,
  });
}

/** A run with every route and credential there is, so that what keeps it in is not a missing grant. */
export const newSpec = (run: string, commit: string, mirror: () => Promise<string>): SandboxSpec => ({
  run,
  fence: 1,
  group: 'cody',
  model: MODEL,
  budgetUsd: 5,
  maxTurns: 20,
  timeoutMs: 10 * 60_000,
  charter: 'You wait.',
  prompt: 'Wait.',
  workspace: { project: PROJECT, repository: REPOSITORY, ref: 'refs/heads/main', commit },
  identity: { name: 'Cody Codewell (AI Agent)', email: 'cody@agents.dogwatch.invalid' },
  routes: [...ROUTE_NAMES, ...TUNNELS],
  credentials: ['anthropic', 'azure-devops-code', 'azure-devops-build-read', 'github', 'dozzle'],
  tools: ['report', 'submit_fix'],
  result: 'fix',
  mirror,
});
