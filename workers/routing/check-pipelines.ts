import { type Build, listBuilds } from '../adapters/azure-devops/builds.ts';
import { type AzureDevOps, azureDevOpsClient } from '../adapters/azure-devops/client.ts';
import { AzureDevOpsError } from '../adapters/azure-devops/error.ts';
import { azureDevOpsSettings, type Env } from '../env.ts';
import { handInBuild } from '../reconcile/hand-in-build.ts';
import type { Accepted } from './accept.ts';

/** Builds looked at per project: enough for the newest of every pipeline and branch in use. */
const MAX_BUILDS = 200;
/** A branch whose last build is older is not being worked on. */
const MAX_AGE_MS = 14 * 24 * 3_600_000;

export interface PipelineCheck {
  project: string;
  definition: string;
  ref: string;
  buildNumber: string;
  result: Build['result'];
  /** Null where nothing had to be done. */
  status: Accepted['status'] | null;
}

/** The newest completed build of each pipeline and branch. Pure. */
export function newestBuilds(builds: readonly Build[], nowMs: number): Build[] {
  const newest = new Map<string, Build>();
  for (const build of builds) {
    const finishedAt = build.finishTime ? Date.parse(build.finishTime) : Number.NaN;
    if (build.status !== 'completed' || nowMs - finishedAt > MAX_AGE_MS) continue;
    const key = `${build.definition.id} ${build.sourceBranch}`;
    const known = newest.get(key);
    if (!known || known.id < build.id) newest.set(key, build);
  }
  return [...newest.values()].sort((a, b) => b.id - a.id);
}

export interface PipelineChecks {
  checks: PipelineCheck[];
  /** Projects that refused to answer: one of them must not hide the others. */
  unanswered: { project: string; reason: string }[];
}

/** Asks for the newest builds and hands the failed ones in as if their hooks had come. */
export async function checkPipelines(env: Env, nowMs: number): Promise<PipelineChecks> {
  const api = azureDevOpsClient(azureDevOpsSettings(env));
  const checks: PipelineCheck[] = [];
  const unanswered: PipelineChecks['unanswered'] = [];
  for (const project of api.projects)
    try {
      checks.push(...(await checkProject(env, api, project, nowMs)));
    } catch (error) {
      if (!(error instanceof AzureDevOpsError) || error.retryable) throw error;
      unanswered.push({ project, reason: error.message });
    }
  return { checks, unanswered };
}

async function checkProject(
  env: Env,
  api: AzureDevOps,
  project: string,
  nowMs: number,
): Promise<PipelineCheck[]> {
  const builds = await listBuilds(api, project, { status: 'completed', top: MAX_BUILDS });
  const checks: PipelineCheck[] = [];
  for (const build of newestBuilds(builds, nowMs)) {
    const isFailed = build.result === 'failed' || build.result === 'partiallySucceeded';
    checks.push({
      project,
      definition: build.definition.name ?? `pipeline ${build.definition.id}`,
      ref: build.sourceBranch ?? '',
      buildNumber: build.buildNumber ?? String(build.id),
      result: build.result,
      status: isFailed ? (await handInBuild(env, api, project, build, nowMs)).status : null,
    });
  }
  return checks;
}
