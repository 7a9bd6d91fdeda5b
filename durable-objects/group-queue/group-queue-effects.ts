import { derivedId } from '../../core/contracts/ids.ts';
import type { LoopEvent } from '../../core/loops/index.ts';
import { dispatchAnswerOrder } from '../../core/queue/dispatch-answers.ts';
import { escapeHtml } from '../../core/text/plain.ts';
import { type ChatAddress, type Env, telegramChats } from '../../workers/env.ts';
import { openTask } from '../../workers/routing/open-task.ts';
import { noticeText } from '../../workers/routing/queue-texts.ts';
import { SubjectCollector } from '../../workers/subjects.ts';
import { memberOf } from '../run/run-request.ts';
import { sha256Bytes } from '../shared/journal.ts';
import type { OutboxItem } from '../shared/outbox.ts';
import { incidentStub, runStub, telegramStub } from '../stubs.ts';
import type { Notice } from './group-queue-notices.ts';
import { answersOf, type MessageRow, opensTask, replyOf } from './group-queue-rows.ts';
import type { EffectOutcome, GroupQueueStore } from './group-queue-store.ts';
import { taskIdOf, taskSourceOf } from './group-queue-task.ts';

type Store = Pick<GroupQueueStore, 'row' | 'position'>;

export const chatOf = (env: Env, group: string): ChatAddress | null => telegramChats(env).get(group) ?? null;

export const isSamePlace = (a: ChatAddress | null, b: ChatAddress): boolean =>
  a !== null && a.chat === b.chat && (a.thread === null || a.thread === b.thread);

/** What is said to the group is read there anyway. */
function isGroupsOwn(env: Env, group: string, { chat, thread }: ChatAddress): boolean {
  const own = chatOf(env, group);
  return own?.chat === chat && own.thread === thread;
}

/** Performs one effect of a group's queue. Safe to repeat. Throws what failed outside. */
export async function performQueueEffect(
  env: Env,
  group: string,
  { key, kind, body }: OutboxItem,
  store: Store,
): Promise<EffectOutcome> {
  switch (kind) {
    case 'show':
      await show(env, group, store.row(body));
      return null;
    case 'tell':
      await tell(env, group, key, JSON.parse(body) as Notice & { id: string }, store);
      return null;
    case 'grant':
      return grant(env, group, key, store.row(body));
    case 'look':
      return look(env, group, key, store.row(body));
    case 'cancel':
      return cancel(env, key, store.row(body));
    case 'steer': {
      const { id, run } = JSON.parse(body) as { id: string; run: string };
      return steer(env, run, store.row(id));
    }
    default:
      throw new Error(`a group's queue has no effect ${kind}`);
  }
}

async function show(env: Env, group: string, message: MessageRow | null): Promise<void> {
  const chat = chatOf(env, group);
  if (chat === null || message === null) return;
  const { id, sender, text, at } = message;
  await telegramStub(env).send({
    key: id,
    ...chat,
    html: `<b>${escapeHtml(sender)}</b>\n${escapeHtml(text)}`,
    buttons: [],
    at,
  });
}

async function tell(
  env: Env,
  group: string,
  key: string,
  notice: Notice & { id: string },
  store: Store,
): Promise<void> {
  const message = store.row(notice.id);
  const place = message && replyOf(message);
  if (!place) return;
  const agent = memberOf(group)?.agent.name ?? group;
  const html = noticeText(notice, agent, store.position(notice.id));
  if (html === null) return;
  await telegramStub(env).send({ key, ...place, html, buttons: [], at: Date.now() });
}

const UNWANTED = { unwanted: true } as const;

async function grant(
  env: Env,
  group: string,
  key: string,
  message: MessageRow | null,
): Promise<EffectOutcome> {
  if (message?.state !== 'active' || message.canceled_by !== null || message.incident === null)
    return UNWANTED;
  if (!opensTask(message)) return offerTurn(env, group, key, message.id, message.incident);
  return (await openTaskOf(env, group, message)) ? null : UNWANTED;
}

/** A message that asks for a task has its turn. Its words are personal: the journal refers to them. */
async function openTaskOf(env: Env, group: string, message: MessageRow): Promise<boolean> {
  const { id, sender, thread, text, attachment, priority } = message;
  const place = replyOf(message);
  const answers = answersOf(message);
  const subjects = new SubjectCollector();
  const opened = await openTask(
    env,
    taskIdOf(message),
    {
      source: taskSourceOf(message),
      group,
      from: sender,
      title: answers === null ? 'a request in the chat' : `an answer of ${sender}`,
      text: answers === null ? await subjects.token(text) : dispatchAnswerOrder(sender),
      attachment: attachment === null ? null : await subjects.token(attachment),
      turn: id,
      thread,
      priority,
      forPerson: place !== null,
      reply: place !== null && !isGroupsOwn(env, group, place) ? place : null,
      isShown: true,
      schedule: null,
      parent: answers?.run ?? null,
      budgetMicroUsd: null,
      workspace: null,
    },
    subjects.texts,
    Date.now(),
  );
  return opened.status !== 'unknown_group';
}

/** Asks anew about a turn that is held for long: an incident that needs it no more gives it back. */
async function look(
  env: Env,
  group: string,
  key: string,
  message: MessageRow | null,
): Promise<EffectOutcome> {
  if (message?.state !== 'active' || message.incident === null) return null;
  return offerTurn(env, group, key, message.id, message.incident);
}

async function offerTurn(
  env: Env,
  group: string,
  key: string,
  message: string,
  incident: string,
): Promise<EffectOutcome> {
  const status = await tellIncident(env, incident, key, { type: 'turn_granted', data: { group, message } });
  return status === 'unknown' ? UNWANTED : null;
}

async function cancel(env: Env, key: string, message: MessageRow | null): Promise<EffectOutcome> {
  if (message === null || message.incident === null) return null;
  const subjects = new SubjectCollector();
  const by = await subjects.person(message.canceled_by ?? 'operator');
  const event: LoopEvent = { type: 'aborted', data: { by, reason: message.reason ?? 'canceled' } };
  const status = await tellIncident(env, message.incident, key, event, subjects.texts);
  return status === 'unknown' ? UNWANTED : null;
}

async function steer(env: Env, run: string, message: MessageRow | null): Promise<EffectOutcome> {
  if (message?.state !== 'steering') return null;
  const { id, sender: from, text, at } = message;
  const answer = await runStub(env, run).steer({ id, from, text, at });
  // We hear of a run a moment before the run does.
  if (answer === 'not_started') throw new Error(`run ${run} has not been started yet`);
  return { steered: answer };
}

async function tellIncident(
  env: Env,
  incident: string,
  key: string,
  event: LoopEvent,
  subjects: SubjectCollector['texts'] = {},
): Promise<'applied' | 'duplicate' | 'unknown'> {
  const id = derivedId('evt', sha256Bytes(`queue:${incident}:${key}`));
  const { status } = await incidentStub(env, incident).receive({
    id,
    key: null,
    at: Date.now(),
    event,
    subjects,
  });
  return status;
}
