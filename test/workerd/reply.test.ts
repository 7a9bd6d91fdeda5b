import { env, runInDurableObject, SELF } from 'cloudflare:test';
import { beforeAll, expect, test } from 'vitest';
import type { StoredMessage } from '../../durable-objects/group-queue/group-queue-rows.ts';
import { GroupQueueStore } from '../../durable-objects/group-queue/group-queue-store.ts';
import { sqlOf } from '../../durable-objects/shared/sql.ts';
import { groupQueueStub, telegramStub } from '../../durable-objects/stubs.ts';
import { migrateDatabase } from '../../workers/test/database.ts';
import { Outside, until } from '../../workers/test/outside.ts';

const CODY = { id: -1002, topic: 7 };
const sent: string[] = [];
beforeAll(async () => {
  await migrateDatabase();
  new Outside().on(({ url, body }) => {
    if (url.host !== 'telegram.test') return undefined;
    sent.push((body as { text: string }).text);
    return Response.json({ ok: true, result: { message_id: sent.length, date: 1, chat: { id: 1 } } });
  });
});

/** Two sessions of Cody go on; the chat shows what each was asked. */
async function twoSessions(): Promise<void> {
  await runInDurableObject(env.GROUP_QUEUE.getByName('cody'), async (_, state) => {
    const queue = new GroupQueueStore(sqlOf(state.storage), 'cody', 4, () => {});
    for (const [n, id] of ['first', 'second'].entries()) {
      const at = Date.now() + n;
      const about = { group: 'cody', thread: id, from: 'ryan', incident: `inc_${id}`, turn: true };
      queue.enqueue({ id, text: `the ${id} failure`, at, ...about }, true, at);
      // Nobody is to ask an incident that is not there.
      queue.outbox.done(`grant:${id}`);
    }
  });
  await groupQueueStub(env, 'cody').poke();
}

let update = 70_000;
async function write(text: string, repliesTo: number | null): Promise<StoredMessage> {
  update += 1;
  const message = {
    message_id: update,
    date: 1,
    chat: { id: CODY.id },
    message_thread_id: CODY.topic,
    is_topic_message: true,
    from: { id: 4711, is_bot: false, first_name: 'Jan' },
    text,
    ...(repliesTo === null ? {} : { reply_to_message: { message_id: repliesTo } }),
  };
  await SELF.fetch('https://dogwatch.test/hooks/telegram', {
    method: 'POST',
    headers: { 'x-telegram-bot-api-secret-token': 'telegram-secret', 'content-type': 'application/json' },
    body: JSON.stringify({ update_id: update, message }),
  });
  return until(async () => {
    const { items } = await groupQueueStub(env, 'cody').messages(null, 50);
    return items.find((one) => one.text === text);
  });
}

test('a reply goes to the session whose message it answers; without one the newest is meant', async () => {
  await twoSessions();
  const sentAs = await until(async () => sent.findIndex((text) => text.includes('the first failure')) + 1);
  await until(() => telegramStub(env).keyOf(String(CODY.id), sentAs));
  expect(await write('That one is the disk.', sentAs)).toMatchObject({ state: 'steering', steers: 'first' });
  expect(await write('And this?', null)).toMatchObject({ state: 'steering', steers: 'second' });
  // In a topic what is no reply may point to the topic's first message, which is not ours.
  expect(await write('Look again.', CODY.topic)).toMatchObject({ state: 'steering', steers: 'second' });
});
