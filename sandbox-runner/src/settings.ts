import { z } from 'zod';
import {
  KeyError,
  type PublicKeys,
  parsePublicKeys,
  parseSigningKey,
  type SigningKey,
} from '../../wire/keys.ts';
import { secretsOfAuthorization } from './gateway/api-upstreams.ts';
import { type Hosts, parseHosts } from './hosts/host-settings.ts';

const httpUrl = z
  .string()
  .url()
  .refine((url) => /^https?:/.test(url), 'must be http or https')
  .transform((url) => url.replace(/\/+$/, ''));
const optional = <T extends z.ZodType>(schema: T) =>
  z.preprocess((value) => (value === '' ? undefined : value), schema.optional());

const environmentSchema = z.object({
  RUNNER_PORT: z.coerce.number().int().min(0).max(65_535).default(8788),
  RUNNER_HOST: z.string().min(1).default('127.0.0.1'),
  RUNNER_NAME: z.string().min(1).max(64).default('runner-1'),
  RUNNER_STATE_DIR: z.string().min(1).default('.state/runner'),
  RUNNER_CACHE_DIR: optional(z.string().min(1)),
  RUNNER_PUBLIC_URL: optional(httpUrl),
  RUNNER_CAPACITY: z.coerce.number().int().min(1).max(100).default(3),
  RUNNER_BACKEND: z.enum(['docker', 'unsafe-process']).default('docker'),
  RUNNER_SIGNING_KEY: z.string().min(1),
  WORKER_URL: httpUrl,
  WORKER_PUBLIC_URL: optional(httpUrl),
  WORKER_PUBLIC_KEYS: z.string().min(1),
  AZURE_DEVOPS_URL: httpUrl,
  AZURE_DEVOPS_CODE_PAT: optional(z.string().min(1)),
  AZURE_DEVOPS_BUILD_PAT: optional(z.string().min(1)),
  GITHUB_API_URL: optional(httpUrl),
  GITHUB_TOKEN: optional(z.string().min(1)),
  STATUS_URL: optional(httpUrl),
  DOZZLE_URL: optional(httpUrl),
  DOZZLE_AUTHORIZATION: optional(
    z.string().regex(/^(?:Bearer|Basic) \S+$/, 'must be "Bearer …" or "Basic …"'),
  ),
  RUNNER_DNS_SERVERS: z.string().default(''),
  RUNNER_RUNTIME: optional(z.string().regex(/^[\w.-]{1,64}$/)),
  ANTHROPIC_API_KEY: optional(z.string().min(1)),
  ANTHROPIC_BASE_URL: optional(httpUrl),
  NPM_REGISTRY_URL: optional(httpUrl),
  RUNNER_HOSTS: optional(z.string().min(1)),
});

export interface Settings {
  port: number;
  host: string;
  name: string;
  stateDir: string;
  /** What can be made again, shared between states: the installed Agent SDK. */
  cacheDir: string;
  /** Our public name in signatures (`@authority`); null: whatever address we end up listening on. */
  authority: string | null;
  capacity: number;
  backend: 'docker' | 'unsafe-process';
  signingKey: SigningKey;
  workerUrl: string;
  workerAuthority: string;
  workerKeys: PublicKeys;
  azureDevOpsUrl: string;
  azureDevOpsCodePat: string | null;
  /** Reads builds for runs that have the route; the one above reads code and pushes. */
  azureDevOpsBuildPat: string | null;
  githubUrl: string | null;
  githubToken: string | null;
  /** For runs with the route: the status page, and the container dashboard with the value of its `Authorization`. */
  statusUrl: string | null;
  dozzleUrl: string | null;
  dozzleAuthorization: string | null;
  /** Resolvers for tunnels; empty: the host's own. */
  dnsServers: string[];
  /** A container runtime other than the engine's default. */
  runtime: string | null;
  anthropicApiKey: string | null;
  anthropicBaseUrl: string | null;
  npmRegistryUrl: string | null;
  /** Servers on which agents may have commands executed, by name. */
  hosts: Hosts;
}

export type ParsedSettings = { ok: true; settings: Settings } | { ok: false; faults: string[] };

function parseKeys(
  environment: z.infer<typeof environmentSchema>,
): { ok: true; signingKey: SigningKey; workerKeys: PublicKeys } | { ok: false; faults: string[] } {
  try {
    return {
      ok: true,
      signingKey: parseSigningKey(environment.RUNNER_SIGNING_KEY),
      workerKeys: parsePublicKeys(environment.WORKER_PUBLIC_KEYS),
    };
  } catch (error) {
    if (!(error instanceof KeyError)) throw error;
    return { ok: false, faults: [`RUNNER_SIGNING_KEY or WORKER_PUBLIC_KEYS: ${error.message}`] };
  }
}

/** Reads the process environment. Faults name the setting and what is wrong, never its value. */
export function parseSettings(environment: Record<string, string | undefined>): ParsedSettings {
  const parsed = environmentSchema.safeParse(environment);
  if (!parsed.success)
    return {
      ok: false,
      faults: parsed.error.issues.map(({ path, message }) => {
        const name = path.join('.');
        return environment[name] === undefined ? `${name} is not set` : `${name}: ${message}`;
      }),
    };
  const env = parsed.data;
  const keys = parseKeys(env);
  if (!keys.ok) return keys;
  const parsedHosts = parseHosts(env.RUNNER_HOSTS);
  if (!parsedHosts.ok) return parsedHosts;
  return {
    ok: true,
    settings: {
      port: env.RUNNER_PORT,
      host: env.RUNNER_HOST,
      name: env.RUNNER_NAME,
      stateDir: env.RUNNER_STATE_DIR,
      cacheDir: env.RUNNER_CACHE_DIR ?? `${env.RUNNER_STATE_DIR}/cache`,
      authority: env.RUNNER_PUBLIC_URL ? new URL(env.RUNNER_PUBLIC_URL).host : null,
      capacity: env.RUNNER_CAPACITY,
      backend: env.RUNNER_BACKEND,
      signingKey: keys.signingKey,
      workerUrl: env.WORKER_URL,
      workerAuthority: new URL(env.WORKER_PUBLIC_URL ?? env.WORKER_URL).host,
      workerKeys: keys.workerKeys,
      azureDevOpsUrl: env.AZURE_DEVOPS_URL,
      azureDevOpsCodePat: env.AZURE_DEVOPS_CODE_PAT ?? null,
      azureDevOpsBuildPat: env.AZURE_DEVOPS_BUILD_PAT ?? null,
      githubUrl: env.GITHUB_API_URL ?? null,
      githubToken: env.GITHUB_TOKEN ?? null,
      statusUrl: env.STATUS_URL ?? null,
      dozzleUrl: env.DOZZLE_URL ?? null,
      dozzleAuthorization: env.DOZZLE_AUTHORIZATION ?? null,
      dnsServers: env.RUNNER_DNS_SERVERS.split(',').flatMap((each) => each.trim() || []),
      runtime: env.RUNNER_RUNTIME ?? null,
      anthropicApiKey: env.ANTHROPIC_API_KEY ?? null,
      anthropicBaseUrl: env.ANTHROPIC_BASE_URL ?? null,
      npmRegistryUrl: env.NPM_REGISTRY_URL ?? null,
      hosts: parsedHosts.hosts,
    },
  };
}

/** Everything that must never be read in a log, an error or an event. */
export function secretsOf(settings: Settings): string[] {
  return [
    settings.signingKey.d,
    settings.azureDevOpsCodePat,
    settings.azureDevOpsBuildPat,
    settings.githubToken,
    settings.anthropicApiKey,
    ...secretsOfAuthorization(settings.dozzleAuthorization),
  ].filter((secret): secret is string => secret !== null);
}
