import { env, runInDurableObject, SELF } from 'cloudflare:test';
import { beforeAll, beforeEach, expect, test } from 'vitest';
import { GroupQueueStore } from '../../durable-objects/group-queue/group-queue-store.ts';
import { RunStore } from '../../durable-objects/run/run-store.ts';
import { sqlOf } from '../../durable-objects/shared/sql.ts';
import { groupQueueStub, incidentStub, runStub, telegramStub } from '../../durable-objects/stubs.ts';
import { fixSpec, freshIncident, toldBy } from '../../durable-objects/test/specs.ts';
import { putArtifact } from '../../workers/artifacts.ts';
import { migrateDatabase } from '../../workers/test/database.ts';
import { Outside, until } from '../../workers/test/outside.ts';
import { telegramTakesAll } from '../../workers/test/telegram.ts';

/** What a person said to a session, in each place where it comes to rest; none may hold it after it was deleted. */
const SAID = 'Frau Zwitscher says "restart it", from +49 30 1234567';
const zwitscher = /Zwitscher/;

beforeAll(migrateDatabase);
beforeEach(() => telegramTakesAll(new Outside()));

const api = (method: string, path: string, body?: unknown) =>
  SELF.fetch(`https://dogwatch.test/api${path}`, {
    method,
    headers: { authorization: 'Bearer operator-token' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });

/** A run that was told SAID while it worked, saw it in a tool's answer, and ended unless it goes on. */
async function runThatHeard(message: string, goesOn: boolean): Promise<{ run: string; transcript: string }> {
  const line = JSON.stringify({ type: 'user', content: JSON.stringify({ heard: SAID }) });
  const bytes = new TextEncoder().encode(`${'{"filler":1}\n'.repeat(9_000)}${line}\n${message}\n`);
  const transcript = await putArtifact(env.ARTIFACTS, bytes, {
    name: 'transcript.jsonl',
    contentType: 'text/plain',
  });
  const spec = fixSpec({ incident: freshIncident() });
  await runInDurableObject(env.RUN.getByName(spec.run), async (_, state) => {
    const store = new RunStore(sqlOf(state.storage), () => {});
    store.create(spec, 'claude-opus-5-5', 1);
    store.leased({ fence: 3, runner: 'runner-1' }, 1_000_000, Date.now());
    store.steer({ id: message, from: 'operator', text: SAID, at: 5 }, 5);
    const tool = { id: 't', name: 'Bash', phase: 'requested' as const, durationMs: null, input: null };
    const events = [
      { type: 'started' as const, data: { image: 'i', imageDigest: 'sha256:d', container: 'c' } },
      { type: 'message_given' as const, data: { message } },
      { type: 'tool' as const, data: { ...tool, output: JSON.stringify({ stdout: SAID }) } },
      {
        type: 'ended' as const,
        data: { reason: 'completed' as const, detail: '', turns: 4, durationMs: 9, transcript },
      },
    ];
    store.receive(toldBy(spec.run, 3, goesOn ? events.slice(0, -1) : events), 6);
  });
  return { run: spec.run, transcript: transcript.sha256 };
}

/** SAID went to this run, as a message of Cody's queue. */
async function say(message: string, run: string): Promise<void> {
  await runInDurableObject(env.GROUP_QUEUE.getByName('cody'), async (_, state) => {
    const queue = new GroupQueueStore(sqlOf(state.storage), 'cody', 4, () => {});
    const turn = `turn-of-${message}`;
    const incident = freshIncident();
    const common = { id: turn, group: 'cody', thread: turn, from: 'ryan', text: 'x', incident, at: 1 };
    queue.enqueue({ ...common, turn: true }, false, 1);
    queue.runBegins(incident, run, 1);
    const place = { chat: '4711', thread: null };
    const words = { text: SAID, attachment: null, priority: 2 as const, isOwnTask: false, at: 1 };
    queue.say({ id: message, thread: turn, from: 'operator', ...words, reply: place }, true, 1);
    queue.seen(message, run, 2);
    queue.endTurn(turn, 3);
  });
  await groupQueueStub(env, 'cody').poke();
}

/** Everything in R2, backups unpacked. */
async function keysThatHold(words: RegExp): Promise<string[]> {
  const found: string[] = [];
  for (const { key } of (await env.ARTIFACTS.list()).objects) {
    const body = (await env.ARTIFACTS.get(key))?.body;
    const plain = key.startsWith('backup/') ? body?.pipeThrough(new DecompressionStream('gzip')) : body;
    if (words.test(await new Response(plain).text())) found.push(key);
  }
  return found;
}
const flushAll = async (run: string) => {
  for (const object of [runStub(env, run), groupQueueStub(env, 'cody'), telegramStub(env)])
    await until(async () => (await object.backup('flush')).isKept);
};
const posts = () =>
  runInDurableObject(env.TELEGRAM.getByName('bot'), async (_, state) =>
    JSON.stringify(sqlOf(state.storage).all('SELECT html FROM posts')),
  );

test('a message to a session goes from queue, run, chat, transcript and every backup', async () => {
  const message = 'msg_forget_1';
  const { run, transcript } = await runThatHeard(message, false);
  await say(message, run);
  await until(async () => zwitscher.test(await posts()));
  await flushAll(run);
  const before = await keysThatHold(zwitscher);
  expect(before).toEqual(
    expect.arrayContaining([
      expect.stringContaining(`backup/objects/run/${run}/`),
      expect.stringContaining('backup/objects/group_queue/cody/'),
      expect.stringContaining('backup/objects/telegram/bot/'),
      `artifacts/${transcript}`,
    ]),
  );

  expect((await api('DELETE', `/groups/cody/messages/${message}`)).status).toBe(200);
  await flushAll(run);
  expect(await keysThatHold(zwitscher)).toEqual([]);
  expect(await posts()).not.toMatch(zwitscher);
  const shown = (await (await api('GET', `/runs/${run}`)).json()) as { messages: unknown[] };
  expect(JSON.stringify(shown)).not.toMatch(zwitscher);
  expect(shown.messages).toMatchObject([{ id: message, text: '(deleted)' }]);
  expect(await (await api('GET', '/groups/cody/messages')).text()).not.toMatch(zwitscher);
  expect((await api('GET', `/artifacts/${transcript}`)).status).toBe(404);
  await until(async () => {
    const page = (await (await api('GET', `/audit?run=${run}&action=transcript_deleted`)).json()) as {
      items: unknown[];
    };
    return page.items.length === 1;
  });
  expect((await api('DELETE', `/groups/cody/messages/${message}`)).status, 'again').toBe(200);
  expect((await api('DELETE', '/groups/cody/messages/msg_nobody')).status).toBe(404);
}, 60_000);

test('while a session goes on that may be reading it nothing is deleted, and the answer says why', async () => {
  const message = 'msg_forget_2';
  const { run, transcript } = await runThatHeard(message, true);
  await say(message, run);
  const refused = await api('DELETE', `/groups/cody/messages/${message}`);
  expect(refused.status).toBe(409);
  expect(await refused.text()).toContain(`the session ${run} is going on`);
  expect(await (await api('GET', `/runs/${run}`)).text()).toMatch(zwitscher);
  expect((await api('GET', `/artifacts/${transcript}`)).status).toBe(200);
  await runStub(env, run).cancel('the test is over');
  expect((await api('DELETE', `/groups/cody/messages/${message}`)).status).toBe(200);
}, 60_000);

test('a person’s words go also from tasks that quote them', async () => {
  const words = 'Ask Ottilie Zwitscher-Meyer about disk seven.';
  const ask = async (text: string) =>
    ((await (await api('POST', '/groups/sam/tasks', { text })).json()) as { incident: string }).incident;
  const [first, quoting] = [await ask(words), await ask(`The operator wrote: ${words} Do it.`)];
  const subjectsOf = async (incident: string) => {
    const { results } = await env.DB.prepare('SELECT id FROM subjects WHERE object = ?').bind(incident).all<{
      id: string;
    }>();
    return results.map(({ id }) => id);
  };
  const [subject] = await until(async () => {
    const ids = await subjectsOf(first);
    return ids.length > 0 && (await subjectsOf(quoting)).length > 0 && ids;
  });
  await until(async () => (await incidentStub(env, quoting).view())?.status === 'escalated', 20_000);
  expect((await api('DELETE', `/subjects/${subject}`)).status).toBe(200);
  expect(await (await api('GET', '/groups/sam/messages')).text()).not.toMatch(/Ottilie/);
  const [other] = await subjectsOf(quoting);
  expect(await incidentStub(env, quoting).subjectText(other ?? '')).toBe(
    'The operator wrote: (deleted) Do it.',
  );
  expect(await incidentStub(env, quoting).replay()).toMatchObject({ identical: true });
}, 60_000);
