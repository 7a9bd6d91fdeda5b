import { longerBy } from '../stopped-time.ts';
import { type Draft, episodeOf } from './draft.ts';
import { escalate } from './endings.ts';
import type { BuildFacts, PipelineEvent } from './events.ts';
import { onBuild } from './on-build.ts';
import { completeIfReady } from './on-pull-request.ts';
import { AGENT_TIMERS, MAX_VERIFICATION_LOOKS, WAIT_MS } from './policy.ts';
import { restart } from './restart.ts';
import { currentAttempt, isOpen } from './state.ts';

type EventOf<Type extends PipelineEvent['type']> = Extract<PipelineEvent, { type: Type }>['data'];

export function onTimer(draft: Draft, { name, dueAt, stoppedMs = 0 }: EventOf<'timer_fired'>): void {
  const { timer, ownBuildTimer } = draft.state;
  if (ownBuildTimer?.name === name && ownBuildTimer.dueAt === dueAt) return lookForOwnBuild(draft);
  if (timer?.name !== name || timer.dueAt !== dueAt)
    return draft.ignore('timer_fired', 'the state has moved on');
  const longer = AGENT_TIMERS.includes(name) ? longerBy(stoppedMs, timer, draft.context.nowMs) : null;
  if (longer !== null)
    return draft.record({ type: 'status_changed', data: { status: draft.state.status, timer: longer } });
  if (draft.state.status === 'verifying') return lookForVerification(draft);
  escalate(draft, `timeout_${name}`, `Nothing came back in the state ${draft.state.status}.`);
}

/** The hook of the pull request's build may have been lost, or the repository has no such build. */
function lookForOwnBuild(draft: Draft): void {
  const { failure } = episodeOf(draft);
  const pullRequest = currentAttempt(draft.state)?.pullRequest;
  draft.record({ type: 'own_build_timer', data: { dueAt: draft.context.nowMs + WAIT_MS.own_build } });
  if (!pullRequest) return;
  const ref = `refs/pull/${pullRequest.id}/merge`;
  look(draft, ref, failure.build);
}

function lookForVerification(draft: Draft): void {
  const { failure, verifyLooks } = episodeOf(draft);
  if (verifyLooks >= MAX_VERIFICATION_LOOKS)
    return escalate(draft, 'no_verifying_build', 'No build has verified the fix.');
  draft.record({ type: 'verification_looked', data: { looks: verifyLooks + 1 } });
  draft.enter('verifying', 'verification');
  look(draft, draft.state.ref ?? failure.ref, failure.build);
}

function look(draft: Draft, ref: string, minBuild: number): void {
  const { project, definition } = episodeOf(draft).failure;
  draft.request({ kind: 'look_for_builds', data: { project, definition, ref, minBuild } });
}

/** What Azure DevOps answered when asked for builds whose hooks did not come. */
export function onBuildsSeen(draft: Draft, { ref, builds }: EventOf<'builds_seen'>): void {
  if (!isOpen(draft.state)) return draft.ignore('builds_seen', 'the episode has ended');
  const finished = builds.filter((build) => build.status === 'completed');
  for (const build of finished.sort((a, b) => a.build - b.build)) onSeenBuild(draft, build);
  if (!isOpen(draft.state)) return;
  if (draft.state.status === 'pr_open' && ref.startsWith('refs/pull/') && builds.length === 0) {
    draft.record({ type: 'own_build_recorded', data: { build: null, result: 'absent' } });
    draft.record({ type: 'own_build_timer', data: { dueAt: null } });
    return completeIfReady(draft);
  }
  const newest = finished.at(-1);
  if (draft.state.status === 'verifying' && newest && isFailed(newest.result) && ref === draft.state.ref)
    restart(draft, newest, `the newest build ${newest.buildNumber} of the branch failed`);
}

const isFailed = (result: string): boolean => result === 'failed' || result === 'partiallySucceeded';

function onSeenBuild(draft: Draft, seen: BuildFacts & { result: string; status: string }): void {
  const { result, status: _, ...build } = seen;
  if (!isOpen(draft.state)) return;
  if (result === 'succeeded') return onBuild(draft, { type: 'build_succeeded', data: build });
  if (result === 'failed' || result === 'partiallySucceeded')
    return onBuild(draft, { type: 'build_failed', data: { ...build, result } });
}
