import { join, resolve } from 'node:path';
import { costMicroUsd } from '../../../core/cost/prices.ts';
import type { Logger } from '../logger.ts';
import type { Settings } from '../settings.ts';
import type { SandboxBackend } from './sandbox.ts';

/** The backend that the settings name. Loaded on demand: a process backend needs no Docker client. */
export async function openBackend(settings: Settings, logger: Logger): Promise<SandboxBackend> {
  const stateDir = resolve(settings.stateDir);
  const options = {
    runner: settings.name,
    stateDir: join(stateDir, 'sandboxes'),
    cacheDir: resolve(settings.cacheDir),
    anthropicBaseUrl: settings.anthropicBaseUrl,
    anthropicApiKey: settings.anthropicApiKey,
    azureDevopsUrl: settings.azureDevOpsUrl,
    azureDevopsPat: settings.azureDevOpsCodePat,
    azureDevopsBuildPat: settings.azureDevOpsBuildPat,
    githubUrl: settings.githubUrl,
    githubToken: settings.githubToken,
    statusUrl: settings.statusUrl,
    dozzleUrl: settings.dozzleUrl,
    dozzleAuthorization: settings.dozzleAuthorization,
    dnsServers: settings.dnsServers,
    runtime: settings.runtime,
    npmRegistryUrl: settings.npmRegistryUrl,
    costMicroUsd,
    log: (line: string) => logger.info(line),
  };
  if (settings.backend === 'docker')
    return (await import('./backend-docker.ts')).createDockerBackend(options);
  logger.warn('unsafe-process: agents run as this user, without any isolation; for demonstrations only');
  return (await import('./backend-process.ts')).createUnsafeProcessBackend(options);
}
