import type { NotificationClass } from '../effects.ts';
import { type Draft, episodeOf, notify } from './draft.ts';
import type { BuildFacts } from './events.ts';
import { currentAttempt, type PipelineState } from './state.ts';
import { escalatedText, explainedText, resolvedText } from './texts.ts';

/** Stops what is still going on: the run, the turn, an open pull request that will not be merged. */
export function windDown(draft: Draft, reason: string, keepPullRequest = false): void {
  const episode = episodeOf(draft);
  if (episode.activeRun) {
    const { run, group, message } = episode.activeRun;
    draft.request({ kind: 'cancel_run', data: { run, reason } });
    draft.request({ kind: 'end_turn', data: { group, message } });
    draft.record({ type: 'run_ended', data: { run, lost: false, reason: 'canceled', costMicroUsd: 0 } });
  }
  if (draft.state.status === 'investigating' && episode.judgeMessage)
    draft.request({ kind: 'end_turn', data: { group: 'ryan', message: episode.judgeMessage } });
  if (draft.state.status === 'handed_off' && episode.fixMessage)
    draft.request({ kind: 'end_turn', data: { group: 'cody', message: episode.fixMessage } });
  if (draft.state.ownBuildTimer) draft.record({ type: 'own_build_timer', data: { dueAt: null } });
  if (!keepPullRequest) abandonPullRequest(draft, reason);
}

export function abandonPullRequest(draft: Draft, comment: string): void {
  const pullRequest = currentAttempt(draft.state)?.pullRequest;
  if (pullRequest?.status !== 'active') return;
  const { project, repository } = episodeOf(draft).failure;
  draft.record({ type: 'pull_request_abandoned', data: { pullRequest: pullRequest.id } });
  draft.request({
    kind: 'abandon_pull_request',
    data: { project, repository, pullRequest: pullRequest.id, comment },
  });
  draft.request({
    kind: 'settle_operator_message',
    data: { message: pullRequest.message, line: 'No longer needed: the pull request was abandoned.' },
  });
}

function end(
  draft: Draft,
  status: 'resolved' | 'explained' | 'escalated' | 'aborted',
  reason: string,
  detail: string,
  told: { class: NotificationClass; text: (state: PipelineState) => string } | null,
): void {
  draft.record({ type: 'episode_ended', data: { reason, detail } });
  draft.enter(status, null);
  if (told) notify(draft, told.class, told.text(draft.state));
}

export function resolve(draft: Draft, by: 'fix' | 'other_commit', build: BuildFacts): void {
  windDown(draft, `Build ${build.buildNumber} of the branch is green.`, by === 'fix');
  end(draft, 'resolved', by, `build ${build.buildNumber}`, {
    class: 'resolved',
    text: (state) => resolvedText(state, by, build),
  });
}

export function explain(draft: Draft, reason: 'environment' | 'intermittent', detail: string): void {
  windDown(draft, 'The failure is explained; no change of code is needed.');
  end(draft, 'explained', reason, detail, {
    class: 'explained',
    text: (state) => explainedText(state, reason, detail),
  });
}

/** A pull request stays open: a human who looks may still want it. */
export function escalate(draft: Draft, reason: string, detail: string): void {
  windDown(draft, 'The loop was escalated to the operator.', true);
  end(draft, 'escalated', reason, detail, {
    class: 'escalated',
    text: (state) => escalatedText(state, reason, detail),
  });
}

/** By a human's own hand, who needs no message about it. */
export function abort(draft: Draft, reason: string, detail: string): void {
  windDown(draft, 'The loop was ended by a person.');
  end(draft, 'aborted', reason, detail, null);
}
