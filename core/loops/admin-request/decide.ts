import type { IntentOutcome } from '../../contracts/intents.ts';
import { clip, plain } from '../../text/plain.ts';
import { DecisionDraft } from '../draft.ts';
import type { DecideContext, Decision } from '../loop.ts';
import type { SharedEventData } from '../shared-events.ts';
import type { AdminRequestEvent, Filed } from './events.ts';
import { evolve } from './evolve.ts';
import type { AdminRequestFact } from './facts.ts';
import { ONLY_ATTEMPT, WAIT_MS } from './policy.ts';
import type { AdminRequestState, AdminRequestStatus } from './state.ts';
import { askText, MAX_WORDING_CHARS, settledLine, tellAsker, wording } from './texts.ts';

type Draft = DecisionDraft<AdminRequestState, AdminRequestFact, AdminRequestStatus, keyof typeof WAIT_MS>;

/** Row A7: a person's yes to exactly one thing, performed once; a no, or silence, and nothing is done. */
export function decide(
  state: AdminRequestState,
  event: AdminRequestEvent,
  context: DecideContext,
): Decision<AdminRequestFact> {
  const draft: Draft = new DecisionDraft(state, context, evolve, WAIT_MS);
  dispatch(draft, event);
  return { facts: draft.facts, effects: draft.effects };
}

function dispatch(draft: Draft, event: AdminRequestEvent): void {
  const { status } = draft.state;
  switch (event.type) {
    case 'request_filed':
      if (status !== 'idle') return draft.ignore(event.type, 'it was filed already');
      return onFiled(draft, event.data);
    case 'approval_given':
      if (status !== 'waiting' || event.data.attempt !== ONLY_ATTEMPT)
        return draft.ignore(event.type, 'it no longer waits for a decision');
      return onVerdict(draft, event.data);
    case 'intent_performed':
      if (status !== 'performing') return draft.ignore(event.type, 'it is not being performed');
      return onPerformed(draft, event.data.outcome);
    case 'admin_action_done':
      if (status !== 'performing') return draft.ignore(event.type, 'it is not being performed');
      return end(draft, event.data.outcome === 'done' ? 'approved' : 'failed', event.data.detail);
    case 'aborted':
      if (status !== 'waiting') return draft.ignore(event.type, 'it does not wait');
      return end(draft, 'aborted', event.data.reason);
    case 'effect_failed':
      return onEffectFailed(draft, event.data);
    case 'timer_fired':
      return onTimer(draft, event.data);
    default:
      return draft.ignore(event.type, 'a request does not wait for it');
  }
}

function onFiled(draft: Draft, filed: Filed): void {
  const approval = draft.context.id('apr', 'request');
  const message = draft.context.id('msg', 'request');
  draft.record({ type: 'request_accepted', data: { filed, approval, message } });
  if (wording(filed).length > MAX_WORDING_CHARS)
    return end(draft, 'denied', 'It is too long to be shown whole to the one who would approve it.');
  draft.enter('waiting', 'verdict');
  const action = `${draft.state.incident}:${ONLY_ATTEMPT}`;
  draft.request({
    kind: 'notify_operator',
    data: {
      message,
      class: 'decision',
      text: askText(draft.state, filed),
      buttons: [
        { text: 'Approve', action: `ok:${action}` },
        { text: 'Deny', action: `no:${action}` },
      ],
    },
  });
}

function onVerdict(draft: Draft, verdict: SharedEventData<'approval_given'>): void {
  draft.record({ type: 'approval_recorded', data: verdict });
  if (verdict.verdict === 'denied') return end(draft, 'denied', null);
  const { filed } = draft.state;
  if (filed === null) throw new Error('a verdict on nothing');
  const { body, id, run, fence, digest } = filed.intent;
  draft.enter('performing', 'performing');
  if (body.kind === 'host_command')
    draft.request({ kind: 'perform_intent', data: { run, fence, intent: id, digest } });
  else if (body.action.kind === 'for_a_person') end(draft, 'approved', 'The operator takes it on.');
  else draft.request({ kind: 'perform_admin_action', data: { request: id, action: body.action } });
}

/** Longest output that the asker reads; the runner keeps the whole. */
const MAX_OUTPUT_CHARS = 4_000;

function onPerformed(draft: Draft, outcome: IntentOutcome): void {
  switch (outcome.outcome) {
    case 'executed':
      return end(
        draft,
        'approved',
        clip(
          `Exit code ${outcome.exitCode}.\n${plain(outcome.output, MAX_OUTPUT_CHARS)}`.trim(),
          MAX_OUTPUT_CHARS,
        ),
      );
    case 'performed':
      return end(draft, 'approved', `${outcome.ref} is at ${outcome.commit}.`);
    case 'refused':
      return end(draft, 'failed', `${outcome.code}: ${plain(outcome.reason, 1_000)}`);
  }
}

function onEffectFailed(draft: Draft, { kind, error }: SharedEventData<'effect_failed'>): void {
  const isVital = kind === 'perform_intent' || kind === 'perform_admin_action';
  if (draft.state.status !== 'performing' || !isVital)
    return draft.ignore('effect_failed', 'it goes on without: the list of approvals shows it');
  end(draft, 'failed', `Whether it was done is not known: ${plain(error, 500)}`);
}

function onTimer(draft: Draft, { name, dueAt }: SharedEventData<'timer_fired'>): void {
  const { timer } = draft.state;
  if (timer?.name !== name || timer.dueAt !== dueAt) return draft.ignore('timer_fired', 'no longer set');
  if (name === 'verdict') return end(draft, 'expired', null);
  end(draft, 'failed', 'Whether it was done is not known: no answer came in time.');
}

/** The operator reads it under the question; the asker in its run's next turn, or in its chat. */
function end(
  draft: Draft,
  status: 'approved' | 'denied' | 'expired' | 'failed' | 'aborted',
  outcome: string | null,
): void {
  if (outcome !== null) draft.record({ type: 'outcome_recorded', data: { outcome } });
  const wasAsked = draft.state.status !== 'idle';
  draft.enter(status, null);
  const { filed, message } = draft.state;
  if (filed === null || message === null) throw new Error('a request that was never filed ends');
  if (wasAsked)
    draft.request({
      kind: 'settle_operator_message',
      data: { message, line: settledLine(draft.state) },
    });
  const { group, intent } = filed;
  const told = draft.context.id('msg', 'request:end');
  const text = tellAsker(draft.state);
  draft.request(
    { kind: 'steer_run', data: { run: intent.run, message: told, from: 'dogwatch', text } },
    { kind: 'post_message', data: { message: told, group, from: 'dogwatch', text, turn: false } },
  );
}
