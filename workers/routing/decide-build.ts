import type { BuildFacts, PipelineEvent } from '../../core/loops/pipeline-recovery/events.ts';
import { incidentKey, parseFixBranch } from '../../core/loops/pipeline-recovery/key.ts';
import type { BuildResult, BuildStatus } from '../adapters/azure-devops/builds.ts';

export type BuildVerdict =
  | { kind: 'ignore'; reason: string }
  | { kind: 'route'; type: 'build_failed' | 'build_succeeded' | 'build_canceled' };

/** Whether a build means anything to an incident, by what the API says of it. */
export function decideBuildVerdict(build: { status: BuildStatus; result: BuildResult }): BuildVerdict {
  if (build.status !== 'completed') return { kind: 'ignore', reason: `the build is ${build.status}` };
  switch (build.result) {
    case 'failed':
    case 'partiallySucceeded':
      return { kind: 'route', type: 'build_failed' };
    case 'succeeded':
      return { kind: 'route', type: 'build_succeeded' };
    case 'canceled':
      return { kind: 'route', type: 'build_canceled' };
    case 'none':
      return { kind: 'ignore', reason: 'the build has no result' };
  }
}

export type BuildAddress =
  /** A fix branch or its pull request: that incident, which must exist. */
  | { kind: 'own'; incident: string }
  /** A branch of its own: the incident follows from the key, and a failure may start it. */
  | { kind: 'branch'; key: string };

/** Builds of our own fixes go to the incident they are for, and never start another. */
export function addressOfBuild(build: BuildFacts): BuildAddress {
  const branch = build.pullRequest?.source ?? build.ref;
  const fix = parseFixBranch(branch);
  return fix
    ? { kind: 'own', incident: fix.incident }
    : { kind: 'branch', key: incidentKey({ ...build, ref: branch }) };
}

export function buildEvent(
  type: 'build_failed' | 'build_succeeded' | 'build_canceled',
  result: BuildResult,
  facts: BuildFacts,
): PipelineEvent {
  if (type !== 'build_failed') return { type, data: facts };
  return { type, data: { ...facts, result: result === 'partiallySucceeded' ? result : 'failed' } };
}
