import { abortAllDurableObjects, evictDurableObject, SELF } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { StoredMessage } from '../../durable-objects/group-queue/group-queue-rows.ts';
import { groupQueueStub, inboxShard, incidentStub, runStub } from '../../durable-objects/stubs.ts';
import { judgement } from '../../durable-objects/test/specs.ts';
import { sha256Of } from '../../workers/artifacts.ts';
import { shardOf } from '../../workers/routing/event-ids.ts';
import { migrateDatabase } from '../../workers/test/database.ts';
import { openIncident } from '../../workers/test/incident.ts';
import { modelSays } from '../../workers/test/model.ts';
import { Outside, until } from '../../workers/test/outside.ts';
import { telegramTakesAll } from '../../workers/test/telegram.ts';

/** From the operator's chat to the agent and back, in the real runtime, with objects that die on the way. */

const RYAN = -1001;
interface Call {
  prompt: string;
  isAnswered: boolean;
}
let outside: Outside;
/** Model calls that wait for their answer. */
let thinking: Call[];

beforeAll(migrateDatabase);
beforeEach(() => {
  outside = new Outside();
  thinking = [];
  telegramTakesAll(outside);
  outside
    .on(async ({ url }) => {
      if (url.host !== 'azure-devops.test') return undefined;
      // So late that no test sees an incident give up collecting what it is given here.
      await new Promise((late) => setTimeout(late, 25_000));
      return new Response('', { status: 503 });
    })
    .on(async ({ url, body }) => {
      if (url.host !== 'anthropic.test') return undefined;
      const prompt = JSON.stringify(body);
      const call = { prompt, isAnswered: false };
      thinking.push(call);
      // Looked at rather than told: what a test resolves goes on in the test's context, not in the object's.
      while (!call.isAnswered) await new Promise((next) => setTimeout(next, 10));
      return modelSays({ ...judgement, category: 'environment', rootCause: 'The disk is full.' });
    });
});

let builds = 7_000;
/** An incident whose judgement Ryan is asked for; resolves when his model thinks about it. */
async function ryanWorks(): Promise<string> {
  builds += 1;
  const incident = await openIncident(`refs/heads/chat-${builds}`, builds);
  const log = new TextEncoder().encode(`log of ${builds}\n`);
  const sha256 = await sha256Of(log);
  await env.ARTIFACTS.put(`artifacts/${sha256}`, log);
  const before = thinking.length;
  await incidentStub(env, incident).receive({
    id: `evt-${builds}-evidence`,
    key: null,
    at: Date.now(),
    event: {
      type: 'evidence_collected',
      data: {
        build: builds,
        stepPath: ['Test'],
        step: { name: 'Test', command: 'npm test', kind: 'test' },
        stepKey: 'Test',
        failureKey: 'f',
        failingTests: [],
        issues: [],
        log: null,
        excerpt: { name: 'excerpt', sha256, sizeBytes: log.length, contentType: 'text/plain' },
        otherFailedSteps: [],
        lastGreenCommit: null,
        changes: [],
      },
    },
    subjects: {},
  });
  await until(async () => thinking.length > before);
  return incident;
}

let update = 50_000;
/** The operator writes in a chat; the id of the message that it becomes. */
async function write(text: string, chat = RYAN): Promise<string> {
  update += 1;
  const from = { id: 4711, is_bot: false, first_name: 'Jan' };
  const message = { message_id: update, date: 1, chat: { id: chat }, from, text };
  const response = await SELF.fetch('https://dogwatch.test/hooks/telegram', {
    method: 'POST',
    headers: { 'x-telegram-bot-api-secret-token': 'telegram-secret', 'content-type': 'application/json' },
    body: JSON.stringify({ update_id: update, message }),
  });
  const { event } = (await response.json()) as { event: string };
  return `msg_${event.slice('evt_'.length)}`;
}

const api = (method: string, path: string) =>
  SELF.fetch(`https://dogwatch.test/api${path}`, {
    method,
    headers: { authorization: 'Bearer operator-token' },
  });
async function message(id: string, group = 'ryan'): Promise<StoredMessage | undefined> {
  const { items } = (await (await api('GET', `/groups/${group}/messages?limit=200`)).json()) as {
    items: StoredMessage[];
  };
  return items.find((one) => one.id === id);
}
const becomes = (id: string, state: string) =>
  until(async () => {
    const found = await message(id);
    return found?.state === state && found;
  }, 20_000);
/** What was said in a chat, as far as it fits. */
const said = (pattern: RegExp, chat = RYAN): string[] =>
  outside
    .asked('POST', /sendMessage/)
    .map(({ body }) => body as { chat_id: string; text: string })
    .flatMap(({ chat_id, text }) => (chat_id === String(chat) && pattern.test(text) ? [text] : []));
function answerAll(): void {
  for (const call of thinking.splice(0)) call.isAnswered = true;
}
async function finish(): Promise<void> {
  const isIdle = async () => {
    answerAll();
    const { items } = (await (await api('GET', '/groups')).json()) as {
      items: { active: number; waiting: number }[];
    };
    return items.every(({ active, waiting }) => active + waiting === 0);
  };
  await until(isIdle, 30_000);
}

describe('a message in an agent’s chat', () => {
  test('reaches the next model call of the run that is going on, though every object dies meanwhile', async () => {
    await ryanWorks();
    const id = await write('The agent was moved to another disk <yesterday>');
    expect(await becomes(id, 'steering')).toMatchObject({ from: 'operator', turn: true });
    await until(async () => said(/^Passed on to Ryan's running session/).length > 0);
    await abortAllDurableObjects();
    const { run } = (await message((await message(id))?.steers ?? '')) ?? {};
    await runStub(env, run ?? '').poke();
    await until(async () => thinking.some(({ prompt }) => prompt.includes('moved to another disk')));
    await finish();
    const done = await becomes(id, 'done');
    expect(done.seenAt).not.toBeNull();
    expect(said(/^Passed on/)).toHaveLength(1);
  });

  test('that comes while the model gives its answer has the model think again', async () => {
    await ryanWorks();
    const id = await write('It is the new proxy');
    await until(async () => said(/^Passed on/).length > 0);
    answerAll();
    const [next] = await until(async () => thinking.length > 0 && thinking);
    expect(next?.prompt).toContain('It is the new proxy');
    expect(next?.prompt).toContain('It is an order within your task');
    await finish();
    expect(await message(id)).toMatchObject({ state: 'done', seenAt: expect.any(String) });
    const { items } = (await (await api('GET', '/audit?action=message_given')).json()) as {
      items: unknown[];
    };
    expect(items.length).toBeGreaterThan(0);
  });

  test('where nothing runs is a task of its own; one that fails says so, is parked, and can be replayed', async () => {
    const id = await write('Is the build agent well?');
    // No runner is set up here: Ryan's container cannot start.
    const parked = await becomes(id, 'parked');
    expect(parked.reason).toMatch(/no_runner/);
    await until(async () => said(/Could not do “a request in the chat”.*no_runner/).length > 0);
    const letter = await until(() =>
      env.DB.prepare(`SELECT id, state, body FROM dead_letters WHERE key = ?`)
        .bind(`grant:${id}`)
        .first<{ id: string; state: string; body: string }>(),
    );
    expect(letter).toMatchObject({ state: 'dead', body: id });
    expect((await api('POST', `/dead-letters/${encodeURIComponent(letter.id)}/replay`)).status).toBe(202);
    await until(async () => said(/Could not do/).length > 1);
    expect((await becomes(id, 'parked')).incident).not.toBe(parked.incident);
  });

  test('is one task and has one end, whenever the objects on its way die', async () => {
    for (const afterMs of [0, 5, 15, 30, 60, 120]) {
      const id = await write(`/task number ${afterMs}`);
      await new Promise((next) => setTimeout(next, afterMs));
      await abortAllDurableObjects();
      // What an alarm or the next tick would do.
      await inboxShard(env, shardOf(id)).poke();
      await groupQueueStub(env, 'ryan').poke();
      const { incident } = await until(async () => {
        const found = await message(id);
        return found?.incident ? (found as { incident: string }) : null;
      }, 20_000);
      await incidentStub(env, incident).poke();
      await becomes(id, 'parked');
      const view = await incidentStub(env, incident).view();
      expect(view?.journal.filter(({ type }) => type === 'task_ended')).toHaveLength(1);
      expect(view?.journal.filter(({ type }) => type === 'run_requested')).toHaveLength(1);
    }
  }, 90_000);

  test('is told from the main channel, too, and answered there', async () => {
    const id = await write('tell ryan: look at the agent', 99);
    await becomes(id, 'parked');
    await until(async () => said(/could not do/, 99).length > 0);
    await until(async () => said(/^<b>operator<\/b>\nlook at the agent/).length === 1);
  });
});

describe('at the limit of four runs', () => {
  test('the first message of a new chat waits with a visible place, said once, through evictions, and gets its turn', async () => {
    for (let n = 0; n < 4; n++) await ryanWorks();
    const id = await write('/task look at the agent');
    expect(await becomes(id, 'waiting')).toMatchObject({ position: 1 });
    // Telegram takes a message a second in one chat.
    await until(async () => said(/^Queued: 1st in line for Ryan/).length > 0, 40_000);
    await evictDurableObject(env.GROUP_QUEUE.getByName('ryan'));
    expect(await message(id)).toMatchObject({ state: 'waiting', position: 1 });
    const { items } = (await (await api('GET', '/groups')).json()) as { items: { group: string }[] };
    expect(items.find(({ group }) => group === 'ryan')).toMatchObject({
      active: 4,
      waiting: 1,
      maxConcurrent: 4,
    });
    await finish();
    await becomes(id, 'parked');
    expect(said(/^Queued/)).toHaveLength(1);
  });

  test('what is canceled while it waits never runs', async () => {
    for (let n = 0; n < 4; n++) await ryanWorks();
    const first = await write('/task one');
    const second = await write('/task two');
    await becomes(second, 'waiting');
    expect((await api('POST', `/groups/ryan/messages/${first}/cancel`)).status).toBe(202);
    expect((await api('POST', `/groups/ryan/messages/${first}/cancel`)).status).toBe(409);
    await write('/cancel');
    await becomes(second, 'canceled');
    await finish();
    expect(await message(first)).toMatchObject({ state: 'canceled', incident: null });
    expect(await message(second)).toMatchObject({ state: 'canceled', incident: null });
    expect((await api('POST', '/groups/ryan/messages/msg_nothing/cancel')).status).toBe(404);
  });
});

test('canceling an active turn ends its run and its incident', async () => {
  const incident = await ryanWorks();
  const { items } = (await (await api('GET', '/groups/ryan/messages')).json()) as { items: StoredMessage[] };
  const turn = items.find((one) => one.state === 'active' && one.incident === incident);
  expect(turn?.run).toMatch(/^run_/);
  expect(await (await api('POST', `/groups/ryan/messages/${turn?.id}/cancel`)).json()).toMatchObject({
    status: 'canceling',
  });
  await becomes(turn?.id ?? '', 'canceled');
  const run = (await (await api('GET', `/runs/${turn?.run}`)).json()) as {
    status: string;
    endReason: string;
  };
  expect(run).toMatchObject({ status: 'ended', endReason: 'canceled' });
  expect((await incidentStub(env, incident).view())?.status).toBe('aborted');
});
