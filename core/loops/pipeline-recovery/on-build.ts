import { type Draft, episodeOf } from './draft.ts';
import { explain, resolve } from './endings.ts';
import { type BuildFacts, type PipelineEvent, sourceCommit, sourceRef } from './events.ts';
import { parseFixBranch } from './key.ts';
import { completeIfReady } from './on-pull-request.ts';
import { restart } from './restart.ts';
import { type Attempt, currentAttempt, isOpen } from './state.ts';

type BuildEvent = Extract<PipelineEvent, { type: 'build_failed' | 'build_succeeded' | 'build_canceled' }>;

/** A build finished: on the branch of the incident, on one of its fix branches, or of its pull request. */
export function onBuild(draft: Draft, event: BuildEvent): void {
  const build = event.data;
  const result = event.type.slice('build_'.length);
  if (draft.state.seenBuilds.includes(`${build.build}:${result}`)) {
    return draft.ignore(event.type, `build ${build.build} was counted before`);
  }
  const own = isOwn(draft, build);
  const isLate = event.type === 'build_failed' && !own && !isOpen(draft.state) && isPast(draft, build);
  draft.record({
    type: 'build_seen',
    data: { build: build.build, result, ref: build.ref, commit: build.commit },
  });
  if (isLate)
    return draft.ignore(event.type, `build ${build.build} is older than what is known of the branch`);
  if (event.type === 'build_canceled') return;
  if (own) return onOwnBuild(draft, build, event.type === 'build_succeeded');
  if (event.type === 'build_succeeded') return onBranchGreen(draft, build);
  if (!isOpen(draft.state)) return start(draft, build);
  onBranchRed(draft, build);
}

const isOwn = (draft: Draft, build: BuildFacts): boolean =>
  parseFixBranch(build.ref)?.incident === draft.state.incident ||
  (build.pullRequest !== null && parseFixBranch(build.pullRequest.source)?.incident === draft.state.incident);

/** Hooks come late and out of order: an old failure must not open a new episode. */
const isPast = (draft: Draft, build: BuildFacts): boolean => build.build <= draft.state.newestBuild;

function start(draft: Draft, failure: BuildFacts): void {
  draft.record({
    type: 'episode_started',
    data: { number: (draft.state.episode?.number ?? 0) + 1, failure },
  });
  draft.record({ type: 'failure_recorded', data: { failure, attempt: null } });
  draft.enter('detected', 'evidence');
  draft.request({ kind: 'collect_evidence', data: { project: failure.project, build: failure.build } });
}

function onBranchRed(draft: Draft, failure: BuildFacts): void {
  draft.record({
    type: 'failure_recorded',
    data: { failure, attempt: verifiedAttempt(draft, failure)?.n ?? null },
  });
  if (verifiedAttempt(draft, failure)) return restart(draft, failure, `build ${failure.buildNumber} failed`);
  draft.request({ kind: 'collect_evidence', data: { project: failure.project, build: failure.build } });
}

/** The attempt whose fix this build of the branch was built from; a later commit may have come on top. */
function verifiedAttempt(draft: Draft, build: BuildFacts): Attempt | null {
  const attempt = currentAttempt(draft.state);
  if (draft.state.status !== 'verifying' || !attempt) return null;
  const fix = attempt.pullRequest ? attempt.pullRequest.mergeCommit : attempt.proposal?.commit;
  return build.commit === fix || sourceCommit(build) === fix ? attempt : null;
}

function onBranchGreen(draft: Draft, build: BuildFacts): void {
  draft.record({ type: 'branch_green', data: { build: build.build, commit: build.commit } });
  if (!isOpen(draft.state)) return;
  const episode = episodeOf(draft);
  if (draft.state.status === 'verifying') {
    const isAfterFix = verifiedAttempt(draft, build) !== null || build.build > episode.verifyFloor;
    return isAfterFix
      ? resolve(draft, 'fix', build)
      : draft.ignore('build_succeeded', 'built before the fix');
  }
  const newest = episode.newestFailure ?? episode.failure;
  if (build.build < newest.build) return draft.ignore('build_succeeded', 'older than the failure');
  if (sourceCommit(build) === sourceCommit(newest))
    return explain(draft, 'intermittent', `Build ${build.buildNumber} of the same commit is green.`);
  resolve(draft, 'other_commit', build);
}

/** A build of a fix branch, or of the pull request from it. */
function onOwnBuild(draft: Draft, build: BuildFacts, green: boolean): void {
  const attempt = currentAttempt(draft.state);
  const source = sourceRef(build);
  if (!isOpen(draft.state) || !attempt?.proposal || attempt.target.ref !== source)
    return draft.ignore('build', 'no open attempt has this branch');
  if (build.pullRequest !== null && build.pullRequest.commit !== attempt.proposal.commit)
    return draft.ignore('build', 'built from another commit than the submitted fix');
  if (build.pullRequest === null && (green || build.commit !== attempt.proposal.commit)) return;
  if (attempt.ownBuild?.result === 'failed') return;
  draft.record({
    type: 'own_build_recorded',
    data: { build: build.build, result: green ? 'succeeded' : 'failed' },
  });
  if (draft.state.ownBuildTimer) draft.record({ type: 'own_build_timer', data: { dueAt: null } });
  if (green) return completeIfReady(draft);
  draft.record({ type: 'failure_recorded', data: { failure: build, attempt: attempt.n } });
  restart(draft, build, `its own build ${build.buildNumber} failed`);
}
