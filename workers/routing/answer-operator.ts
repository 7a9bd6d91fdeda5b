import { DEFAULT_PRIORITY } from '../../core/contracts/priority.ts';
import type { MessageState } from '../../durable-objects/group-queue/group-queue-rows.ts';
import type { CancelAnswer } from '../../durable-objects/group-queue/group-queue-rpc.ts';
import { groupQueueStub, runPoolStub, schedulerStub, telegramStub } from '../../durable-objects/stubs.ts';
import { GROUPS } from '../api/groups.ts';
import { openIncidents } from '../db/queries.ts';
import { type Env, telegramChats } from '../env.ts';
import { auditAction } from './accept.ts';
import { checkPipelines } from './check-pipelines.ts';
import { decideWords, groupAt, threadOf, type Words } from './decide-words.ts';
import type { Delivered, InboxPayload } from './inbox-event.ts';
import type { OperatorCommand } from './operator-command.ts';
import { checkText, helpText, incidentsText, statusText, unknownText } from './operator-texts.ts';
import { cancelText } from './queue-texts.ts';
import { scheduleText } from './schedule-text.ts';
import { stopAll, stopText } from './stop-all.ts';

type OperatorText = Extract<InboxPayload, { kind: 'operator_text' }>;

/** Whom one may write to; Team is the main channel itself. */
const AGENTS = GROUPS.filter((group) => group !== 'team');

/** Incidents that an answer looks at; it shows fewer. */
const MAX_INCIDENTS = 50;

/** What a text comes to, said where it was said. */
export function wordsOf(env: Env, { text, isForwarded = false, place }: OperatorText): Words {
  return decideWords({ text, isForwarded }, groupAt(place, telegramChats(env), AGENTS), AGENTS);
}

/** Does what the operator asks and answers in the same chat: every message reaches a visible end. */
export async function answerOperator(
  env: Env,
  event: { id: string; payload: OperatorText },
  nowMs: number,
): Promise<Delivered> {
  const { place } = event.payload;
  const words = wordsOf(env, event.payload);
  const answer = async (html: string): Promise<void> =>
    telegramStub(env).send({ key: `${event.id}:answer`, ...place, html, buttons: [], at: nowMs });
  switch (words.kind) {
    case 'say': {
      const { state } = await sayToGroup(env, event, words, nowMs);
      return { status: 'delivered', target: words.group, reason: state };
    }
    case 'cancel':
      await answer(cancelText(await cancelNewest(env, event, words.group, nowMs), words.group));
      return { status: 'delivered', target: words.group, reason: 'cancel' };
    case 'unclear':
      await answer(words.hint);
      return { status: 'delivered', target: 'operator', reason: 'unclear' };
    case 'command':
      await answer(await perform(env, words.command, nowMs));
      return { status: 'delivered', target: 'operator', reason: words.command.kind };
  }
}

/** Its queue says where it stands; the agent, in the end, what came of it. */
async function sayToGroup(
  env: Env,
  { id, payload }: { id: string; payload: OperatorText },
  { group, ...said }: Extract<Words, { kind: 'say' }>,
  nowMs: number,
): Promise<{ state: MessageState }> {
  const { place, repliesTo } = payload;
  const about = repliesTo === undefined ? null : await telegramStub(env).keyOf(place.chat, repliesTo);
  return groupQueueStub(env, group).say({
    id: `msg_${id.slice('evt_'.length)}`,
    thread: threadOf(place),
    from: 'operator',
    text: said.text,
    attachment: said.attachment,
    priority: DEFAULT_PRIORITY,
    reply: place,
    isOwnTask: said.isOwnTask,
    about,
    at: nowMs,
  });
}

async function cancelNewest(
  env: Env,
  { id, payload }: { id: string; payload: OperatorText },
  group: string,
  nowMs: number,
): Promise<CancelAnswer> {
  const answer = await groupQueueStub(env, group).cancelNewest(
    id,
    threadOf(payload.place),
    'operator',
    nowMs,
  );
  const data = { via: 'telegram', group, status: answer.status };
  await auditAction(env, { at: nowMs, actor: 'operator', action: 'message_cancel', data, subjects: {} });
  return answer;
}

async function perform(env: Env, command: OperatorCommand, nowMs: number): Promise<string> {
  switch (command.kind) {
    case 'check_pipeline':
      return checkText(await checkPipelines(env, nowMs));
    case 'status': {
      const [pool, incidents] = await Promise.all([
        runPoolStub(env).status(),
        openIncidents(env.DB, MAX_INCIDENTS),
      ]);
      return statusText(pool, incidents.length, nowMs);
    }
    case 'incidents':
      return incidentsText(await openIncidents(env.DB, MAX_INCIDENTS));
    case 'stop':
    case 'resume':
      return stopOrResume(env, command.kind, nowMs);
    case 'schedule':
      return scheduleText(await schedulerStub(env).list());
    case 'help':
      return helpText;
    case 'unknown':
      return unknownText;
  }
}

async function stopOrResume(env: Env, what: 'stop' | 'resume', nowMs: number): Promise<string> {
  await auditAction(env, {
    at: nowMs,
    actor: 'operator',
    action: what,
    data: { via: 'telegram' },
    subjects: {},
  });
  if (what === 'stop') return stopText(await stopAll(env, 'operator', nowMs));
  await runPoolStub(env).resume('operator', nowMs);
  return 'Going on: agent sessions start again, each where it was.';
}
