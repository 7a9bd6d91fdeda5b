import { clip, plain } from '../../text/plain.ts';
import { DecisionDraft } from '../draft.ts';
import type { DecideContext, Decision } from '../loop.ts';
import type { SharedEventData } from '../shared-events.ts';
import { longerBy } from '../stopped-time.ts';
import type { TaskEvent, TaskRequest } from './events.ts';
import { evolve } from './evolve.ts';
import type { TaskFact } from './facts.ts';
import { MAX_RUN_LOSSES, NO_RETRY, WAIT_MS } from './policy.ts';
import { isOpen, type TaskState, type TaskStatus } from './state.ts';
import { answerText, failureText, heldText, taskPrompt } from './texts.ts';

type Draft = DecisionDraft<TaskState, TaskFact, TaskStatus, keyof typeof WAIT_MS>;

/** Events may come doubled, late and out of order: each handler checks what it stands on. */
export function decide(state: TaskState, event: TaskEvent, context: DecideContext): Decision<TaskFact> {
  const draft: Draft = new DecisionDraft(state, context, evolve, WAIT_MS);
  dispatch(draft, event);
  return { facts: draft.facts, effects: draft.effects };
}

function dispatch(draft: Draft, event: TaskEvent): void {
  if (event.type === 'task_requested') return onRequested(draft, event.data);
  if (!isOpen(draft.state)) return onLate(draft, event);
  switch (event.type) {
    case 'turn_granted':
      return onTurn(draft, event.data);
    case 'run_started':
      if (!isCurrent(draft, event.data)) return draft.ignore(event.type, 'not the current run');
      return draft.record({ type: 'run_leased', data: event.data });
    case 'run_finished':
      return onRunFinished(draft, event.data);
    case 'run_failed':
      return onRunFailed(draft, event.data);
    case 'task_canceled':
    case 'aborted':
      return end(draft, 'aborted', event.data.reason);
    case 'effect_failed':
      return onEffectFailed(draft, event.data);
    case 'timer_fired':
      return onTimer(draft, event.data);
    default:
      return draft.ignore(event.type, 'a task does not wait for it');
  }
}

/** A turn that comes after the end is given back, so that it blocks no one. */
function onLate(draft: Draft, event: TaskEvent): void {
  draft.ignore(event.type, 'the task has ended');
  if (event.type === 'turn_granted') draft.request({ kind: 'end_turn', data: event.data });
}

function onRequested(draft: Draft, request: TaskRequest): void {
  if (draft.state.request !== null) return draft.ignore('task_requested', 'it was asked for already');
  const message = request.turn ?? draft.context.id('msg', 'task');
  draft.record({ type: 'task_accepted', data: { request, message } });
  const { turn, notBefore = 0 } = request;
  if (turn !== undefined) return startRun(draft);
  if (notBefore > draft.context.nowMs) return hold(draft, request, notBefore);
  askForTurn(draft);
}

/** What is held back has no place in the line yet, and takes none away. */
function hold(draft: Draft, { group, thread }: TaskRequest, dueAt: number): void {
  draft.record({ type: 'status_changed', data: { status: 'held', timer: { name: 'held', dueAt } } });
  const message = draft.context.id('msg', 'task:held');
  const text = heldText(draft.state, dueAt);
  draft.request({
    kind: 'post_message',
    data: { message, group, from: group, text, turn: false, thread },
  });
}

function askForTurn(draft: Draft): void {
  const { request, message } = draft.state;
  if (request === null || message === null) throw new Error('a task without a request');
  draft.enter('queued', 'turn');
  const { group, from, text, thread, priority, forPerson, isShown } = request;
  draft.request({
    kind: 'post_message',
    data: { message, group, from, text, turn: true, thread, priority, forPerson, isShown },
  });
}

function onTurn(draft: Draft, turn: SharedEventData<'turn_granted'>): void {
  const { message, status } = draft.state;
  if (turn.message !== message) {
    draft.ignore('turn_granted', 'nothing waits for this turn');
    draft.request({ kind: 'end_turn', data: turn });
  } else if (status === 'queued') startRun(draft);
  else draft.ignore('turn_granted', 'it was granted already');
}

function startRun(draft: Draft): void {
  const { request, incident, runsStarted } = draft.state;
  if (request === null) throw new Error('a task without a request');
  const run = draft.context.id('run', `run:${runsStarted + 1}`);
  const { group, kind, workspace, priority, forPerson, parent, budgetMicroUsd } = request;
  draft.record({ type: 'run_requested', data: { run, group } });
  draft.enter('working', 'run');
  draft.request({
    kind: 'start_run',
    data: {
      run,
      group,
      kind,
      purpose: 'task',
      incident,
      episode: 1,
      prompt: taskPrompt(request),
      artifacts: [],
      workspace,
      fix: null,
      priority,
      forPerson,
      parent,
      budgetMicroUsd,
    },
  });
}

function isCurrent(draft: Draft, { run, fence }: { run: string; fence: number }): boolean {
  const active = draft.state.run;
  return active?.id === run && fence >= active.fence;
}

function onRunFinished(draft: Draft, data: SharedEventData<'run_finished'>): void {
  const { run, result, costMicroUsd } = data;
  if (!isCurrent(draft, data)) return draft.ignore('run_finished', 'its run no longer speaks for the task');
  draft.record({ type: 'run_ended', data: { run, lost: false, reason: result.kind, costMicroUsd } });
  if (result.kind !== 'report') return end(draft, 'escalated', `its run gave a ${result.kind}, not a report`);
  draft.record({ type: 'task_reported', data: result });
  end(draft, 'resolved', result.outcome);
}

function onRunFailed(draft: Draft, data: SharedEventData<'run_failed'>): void {
  const { run, reason, detail, costMicroUsd } = data;
  if (!isCurrent(draft, data)) return draft.ignore('run_failed', 'its run no longer speaks for the task');
  const isFinal = NO_RETRY.includes(reason) || draft.state.runLosses >= MAX_RUN_LOSSES;
  draft.record({ type: 'run_ended', data: { run, lost: true, reason, costMicroUsd } });
  if (isFinal) end(draft, 'escalated', `its run ended: ${reason}. ${detail}`.trim());
  else startRun(draft);
}

function onEffectFailed(draft: Draft, { kind, error }: SharedEventData<'effect_failed'>): void {
  if (kind !== 'post_message' && kind !== 'start_run')
    return draft.ignore('effect_failed', 'the task goes on without it');
  end(draft, 'escalated', error);
}

function onTimer(draft: Draft, { name, dueAt, stoppedMs = 0 }: SharedEventData<'timer_fired'>): void {
  const { timer } = draft.state;
  if (timer?.name !== name || timer.dueAt !== dueAt) return draft.ignore('timer_fired', 'no longer set');
  const longer = longerBy(stoppedMs, timer, draft.context.nowMs);
  if (longer !== null)
    return draft.record({ type: 'status_changed', data: { status: draft.state.status, timer: longer } });
  if (name === 'held') return askForTurn(draft);
  end(draft, 'escalated', name === 'turn' ? 'its turn never came' : 'its run did not end in time');
}

const cameToNothing = (status: TaskStatus, reason: string): { failed?: string; canceled?: string } =>
  status === 'escalated' ? { failed: reason } : status === 'aborted' ? { canceled: reason } : {};

/** Every task ends where its asker sees it; a failed one that nobody waits for is the operator's. */
function end(draft: Draft, status: 'resolved' | 'escalated' | 'aborted', reason: string): void {
  const { request, message, run, incident } = draft.state;
  if (request === null || message === null) throw new Error('a task that was never asked for ends');
  const { group, source, reply } = request;
  if (run !== null) draft.request({ kind: 'cancel_run', data: { run: run.id, reason } });
  if (draft.state.status === 'held') draft.request({ kind: 'withdraw_dispatch', data: {} });
  else draft.request({ kind: 'end_turn', data: { group, message, ...cameToNothing(status, reason) } });
  draft.record({ type: 'task_ended', data: { reason } });
  draft.enter(status, null);
  if (request.schedule !== null)
    draft.request({
      kind: 'end_firing',
      data: { outcome: outcomeOf(draft.state), note: clip(reason, 300) },
    });
  answerDispatch(draft, reason);
  if (status === 'aborted') return;
  const told = draft.context.id('msg', 'task:end');
  const { report } = draft.state;
  const isDone = status === 'resolved' && report !== null;
  const text = isDone ? plain(report.answer, 4_000) : `Could not do “${request.title}”: ${reason}`;
  draft.request({
    kind: 'post_message',
    data: { message: told, group, from: group, text, turn: false, thread: request.thread },
  });
  const html = isDone ? answerText(draft.state) : failureText(draft.state, reason);
  if (reply !== null)
    draft.request({ kind: 'answer_chat', data: { message: `${told}:reply`, ...reply, text: html } });
  else if (!isDone && source !== 'chat')
    draft.request({
      kind: 'notify_operator',
      data: {
        message: draft.context.id('msg', `task:failed:${incident}`),
        class: 'escalated',
        text: html,
        buttons: [],
      },
    });
}

/** Whoever dispatched it hears what came of it, whatever that is, once. An answer is no dispatch: it has none. */
function answerDispatch({ state, context, effects }: Draft, reason: string): void {
  const { request, status, report } = state;
  if (request?.source !== 'dispatch' || request.parent === null) return;
  const failed = status === 'aborted' ? 'canceled' : 'failed';
  effects.push({
    kind: 'answer_dispatch',
    data: {
      message: context.id('msg', 'task:answer'),
      group: request.from,
      run: request.parent,
      incident: request.thread,
      from: request.group,
      outcome: report?.outcome ?? failed,
      asked: request.text,
      text: report?.answer ?? reason,
    },
  });
}

function outcomeOf({ status, report }: TaskState): 'done' | 'nothing' | 'failed' {
  if (status !== 'resolved' || report === null || report.outcome === 'blocked') return 'failed';
  return report.outcome === 'nothing_to_do' ? 'nothing' : 'done';
}
