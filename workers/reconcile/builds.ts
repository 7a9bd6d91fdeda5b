import { chooseBuilds, type LookState, lookFrom, PAGE } from '../../core/reconcile/choose-builds.ts';
import { type Build, listBuilds } from '../adapters/azure-devops/builds.ts';
import type { AzureDevOps } from '../adapters/azure-devops/client.ts';
import { AzureDevOpsError } from '../adapters/azure-devops/error.ts';
import { hasOpenPipelineIncident } from '../db/queries.ts';
import type { Env } from '../env.ts';
import { handInBuild } from './hand-in-build.ts';

export interface BuildsLook {
  /** By project. */
  states: Record<string, LookState>;
  /** New to the Inbox; whether their hooks had come, their incidents know. */
  handedIn: number;
  more: boolean;
  /** Projects that did not answer: they are asked again from the same place. */
  unanswered: string[];
}

/** Looks at the builds of every project that finished since the last look. */
export async function lookAtBuilds(
  env: Env,
  api: AzureDevOps,
  before: Record<string, LookState>,
  nowMs: number,
): Promise<BuildsLook> {
  const look: BuildsLook = { states: { ...before }, handedIn: 0, more: false, unanswered: [] };
  // Of one piece of work only one project takes up many subrequests.
  for (const project of api.projects) {
    try {
      const done = await lookAtProject(env, api, project, before[project] ?? null, nowMs);
      look.states[project] = done.state;
      look.handedIn += done.handedIn;
      look.more = done.more;
    } catch (error) {
      if (!(error instanceof AzureDevOpsError)) throw error;
      look.unanswered.push(`${project}: ${error.message}`);
    }
    if (look.more) break;
  }
  return look;
}

async function lookAtProject(
  env: Env,
  api: AzureDevOps,
  project: string,
  state: LookState | null,
  nowMs: number,
): Promise<{ state: LookState; handedIn: number; more: boolean }> {
  const finishedFrom = new Date(lookFrom(state, nowMs)).toISOString();
  const [builds, hasOpen] = await Promise.all([
    listBuilds(api, project, { status: 'completed', finishedFrom, top: PAGE }),
    hasOpenPipelineIncident(env.DB, api.organisation, project),
  ]);
  const look = chooseBuilds(builds.flatMap(finished), state, hasOpen, nowMs);
  let handedIn = 0;
  for (const { build } of look.hand) {
    const { status } = await handInBuild(env, api, project, build, nowMs);
    if (status === 'accepted') handedIn += 1;
  }
  return { state: look.state, handedIn, more: look.more };
}

function finished(build: Build) {
  const finishedAt = build.finishTime ? Date.parse(build.finishTime) : Number.NaN;
  if (Number.isNaN(finishedAt)) return [];
  const { id, result, definition, sourceBranch } = build;
  return [{ id, result, definition: definition.id, ref: sourceBranch ?? '', finishedAt, build }];
}
