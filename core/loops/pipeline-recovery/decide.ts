import type { DecideContext, Decision } from '../loop.ts';
import { type Draft, draftOf } from './draft.ts';
import { abort, escalate } from './endings.ts';
import type { PipelineEvent } from './events.ts';
import type { PipelineFact } from './facts.ts';
import { onBuild } from './on-build.ts';
import {
  onApproval,
  onIntentPerformed,
  onPullRequestChanged,
  onPullRequestCompleted,
  onPullRequestOpened,
} from './on-pull-request.ts';
import { onIntent, onRelayRefused, onRunFailed, onRunFinished, onRunStarted, onTurn } from './on-run.ts';
import { onBuildsSeen, onTimer } from './on-timer.ts';
import { onEvidence } from './restart.ts';
import { isOpen, type PipelineState } from './state.ts';

/** One event, one decision. Events may come doubled, late and out of order: each handler checks what it stands on. */
export function decide(
  state: PipelineState,
  event: PipelineEvent,
  context: DecideContext,
): Decision<PipelineFact> {
  const draft = draftOf(state, context);
  dispatch(draft, event);
  return { facts: draft.facts, effects: draft.effects };
}

function dispatch(draft: Draft, event: PipelineEvent): void {
  switch (event.type) {
    case 'build_failed':
    case 'build_succeeded':
    case 'build_canceled':
      return onBuild(draft, event);
    case 'evidence_collected':
      if (!isOpen(draft.state)) return draft.ignore(event.type, 'the episode has ended');
      return onEvidence(draft, event.data);
    case 'turn_granted':
      return onTurn(draft, event.data);
    case 'relay_delivered':
      return draft.record({ type: 'hand_off_delivered', data: { message: event.data.message } });
    case 'relay_refused':
      return onRelayRefused(draft, event.data);
    case 'run_started':
      return onRunStarted(draft, event.data);
    case 'intent_submitted':
      return onIntent(draft, event.data);
    case 'run_finished':
      return onRunFinished(draft, event.data);
    case 'run_failed':
      return onRunFailed(draft, event.data);
    case 'intent_performed':
      return onIntentPerformed(draft, event.data);
    case 'pull_request_opened':
      return onPullRequestOpened(draft, event.data);
    case 'approval_given':
      return onApproval(draft, event.data);
    case 'pull_request_changed':
      return onPullRequestChanged(draft, event.data);
    case 'pull_request_completed':
      return onPullRequestCompleted(draft, event.data);
    case 'builds_seen':
      return onBuildsSeen(draft, event.data);
    case 'effect_failed':
      return onEffectFailed(draft, event.data);
    case 'timer_fired':
      return onTimer(draft, event.data);
    case 'aborted':
      if (!isOpen(draft.state)) return draft.ignore(event.type, 'the episode has ended');
      return abort(draft, 'operator', event.data.reason);
  }
}

/** Effects without which the loop cannot go on; the others are only visible among the dead letters. */
const VITAL = [
  'collect_evidence',
  'relay',
  'start_run',
  'perform_intent',
  'open_pull_request',
  'complete_pull_request',
];

function onEffectFailed(draft: Draft, { kind, error }: { kind: string; error: string }): void {
  const isTurn = kind === 'post_message' && draft.state.status === 'investigating';
  if (!isOpen(draft.state) || !(VITAL.includes(kind) || isTurn))
    return draft.ignore('effect_failed', 'the loop goes on without it');
  escalate(draft, `effect_failed_${kind}`, error);
}
