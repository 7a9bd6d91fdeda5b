import { type Draft, episodeOf, note, notify } from './draft.ts';
import { abort, escalate } from './endings.ts';
import type { PipelineEvent } from './events.ts';
import { WAIT_MS } from './policy.ts';
import { currentAttempt, isOpen } from './state.ts';
import { fixPushedText, pullRequestReadyText, pushedReport } from './texts.ts';

type EventOf<Type extends PipelineEvent['type']> = Extract<PipelineEvent, { type: Type }>['data'];

export function onIntentPerformed(draft: Draft, { intent, outcome }: EventOf<'intent_performed'>): void {
  const attempt = currentAttempt(draft.state);
  if (draft.state.status !== 'fixing' || !attempt?.proposal || attempt.proposal.intent !== intent)
    return draft.ignore('intent_performed', 'nothing waits for this intent');
  const { proposal, target } = attempt;
  const { failure } = episodeOf(draft);
  if (outcome.outcome === 'executed')
    return draft.ignore('intent_performed', 'a push does not end like a host command');
  if (outcome.outcome === 'refused') {
    if (outcome.code !== 'base_moved') return escalate(draft, 'push_refused', outcome.reason);
    note(
      draft,
      'ryan',
      'dogwatch',
      `${target.ref} moved while Cody worked; waiting for the build of the newer commit.`,
    );
    return draft.enter('verifying', 'verification');
  }
  draft.record({ type: 'fix_pushed', data: { ref: outcome.ref, commit: outcome.commit } });
  if (target.expected === null) {
    const { project, repository } = failure;
    return draft.request({
      kind: 'open_pull_request',
      data: {
        project,
        repository,
        source: target.ref,
        target: target.defaultBranch,
        commit: outcome.commit,
        title: proposal.title,
        description: pushedReport(draft.state),
      },
    });
  }
  draft.enter('verifying', 'verification');
  notify(draft, 'fix_pushed', fixPushedText(draft.state));
  tellRyan(draft);
}

/** Ryan hears that the next build is worth watching; code does the watching. */
function tellRyan(draft: Draft): void {
  const attempt = currentAttempt(draft.state);
  const message = draft.context.id('msg', `${episodeOf(draft).number}:pushed:${attempt?.n}`);
  const text = pushedReport(draft.state);
  draft.request({ kind: 'relay', data: { message, from: 'cody', to: 'ryan', text, turn: false } });
}

export function onPullRequestOpened(draft: Draft, data: EventOf<'pull_request_opened'>): void {
  const attempt = currentAttempt(draft.state);
  if (
    draft.state.status !== 'fixing' ||
    !attempt?.pushed ||
    attempt.pullRequest ||
    attempt.target.ref !== data.source
  )
    return draft.ignore('pull_request_opened', 'no pushed fix waits for a pull request');
  const { number } = episodeOf(draft);
  const approval = draft.context.id('apr', `${number}:approval:${attempt.n}`);
  const message = draft.context.id(
    'msg',
    `${number}:notify:${attempt.n}:${episodeOf(draft).failure.build}:pr_ready`,
  );
  draft.record({
    type: 'pull_request_opened',
    data: { id: data.pullRequest, url: data.url, commit: data.commit, attempt: attempt.n, approval, message },
  });
  draft.enter('pr_open', 'approval');
  if (!attempt.ownBuild)
    draft.record({ type: 'own_build_timer', data: { dueAt: draft.context.nowMs + WAIT_MS.own_build } });
  const action = `${draft.state.incident}:${attempt.n}`;
  notify(draft, 'pr_ready', pullRequestReadyText(draft.state), [
    { text: 'Approve', action: `ok:${action}` },
    { text: 'Deny', action: `no:${action}` },
  ]);
  tellRyan(draft);
}

export function onApproval(draft: Draft, data: EventOf<'approval_given'>): void {
  const attempt = currentAttempt(draft.state);
  const pullRequest = attempt?.pullRequest;
  if (draft.state.status !== 'pr_open' || !pullRequest || attempt.n !== data.attempt)
    return draft.ignore('approval_given', 'this pull request no longer waits for approval');
  if (pullRequest.verdict !== null) return draft.ignore('approval_given', 'it was decided before');
  draft.record({ type: 'approval_recorded', data });
  const verdict = data.verdict === 'approved' ? 'Approved' : 'Denied';
  const line = `${verdict} by ⟦sub:${data.by.subject}⟧ (commit ${pullRequest.commit.slice(0, 8)}).`;
  draft.request({ kind: 'settle_operator_message', data: { message: pullRequest.message, line } });
  if (data.verdict === 'denied') return abort(draft, 'denied', `pull request ${pullRequest.id} was denied`);
  completeIfReady(draft);
}

/** Approved, and green by its own build (or known to have none): completed at exactly the approved commit. */
export function completeIfReady(draft: Draft): void {
  const attempt = currentAttempt(draft.state);
  const pullRequest = attempt?.pullRequest;
  if (draft.state.status !== 'pr_open' || pullRequest?.status !== 'active') return;
  if (pullRequest.verdict !== 'approved' || !attempt?.ownBuild || attempt.ownBuild.result === 'failed')
    return;
  const { project, repository } = episodeOf(draft).failure;
  draft.record({
    type: 'completion_requested',
    data: { pullRequest: pullRequest.id, commit: pullRequest.commit },
  });
  draft.enter('pr_open', 'push');
  draft.request({
    kind: 'complete_pull_request',
    data: { project, repository, pullRequest: pullRequest.id, commit: pullRequest.commit },
  });
}

function onMerged(draft: Draft, pullRequest: number, mergeCommit: string | null): void {
  draft.record({ type: 'merged', data: { pullRequest, mergeCommit } });
  if (draft.state.ownBuildTimer) draft.record({ type: 'own_build_timer', data: { dueAt: null } });
  draft.enter('verifying', 'verification');
}

export function onPullRequestCompleted(draft: Draft, data: EventOf<'pull_request_completed'>): void {
  const pullRequest = currentAttempt(draft.state)?.pullRequest;
  if (draft.state.status !== 'pr_open' || pullRequest?.id !== data.pullRequest)
    return draft.ignore('pull_request_completed', 'no completion is under way');
  if (data.outcome === 'completed') return onMerged(draft, data.pullRequest, data.mergeCommit);
  escalate(draft, `completion_${data.code}`, data.reason);
}

/** What Azure DevOps says of the pull request now; people complete and abandon pull requests too. */
export function onPullRequestChanged(draft: Draft, data: EventOf<'pull_request_changed'>): void {
  const pullRequest = currentAttempt(draft.state)?.pullRequest;
  if (!isOpen(draft.state) || pullRequest?.id !== data.pullRequest)
    return draft.ignore('pull_request_changed', 'not the pull request of an open attempt');
  if (draft.state.status !== 'pr_open') return draft.ignore('pull_request_changed', 'already known');
  if (data.status === 'completed') return onMerged(draft, data.pullRequest, data.mergeCommit);
  if (data.status === 'abandoned') {
    draft.record({ type: 'pull_request_abandoned', data: { pullRequest: data.pullRequest } });
    return abort(
      draft,
      'pull_request_abandoned',
      `pull request ${data.pullRequest} was abandoned by a person`,
    );
  }
  if (data.sourceCommit !== pullRequest.commit)
    return escalate(
      draft,
      'source_moved',
      `Somebody pushed ${data.sourceCommit.slice(0, 8)} to the fix branch; the approval was for ${pullRequest.commit.slice(0, 8)}.`,
    );
  draft.ignore('pull_request_changed', 'nothing of it changed');
}
