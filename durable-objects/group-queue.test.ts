import { runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { migrateDatabase } from '../workers/test/database.ts';
import { Outside, until } from '../workers/test/outside.ts';
import { GroupQueueStore } from './group-queue-store.ts';
import { sqlOf } from './sql.ts';
import { groupQueueStub } from './stubs.ts';

let outside: Outside;
beforeAll(migrateDatabase);
beforeEach(() => {
  outside = new Outside();
  outside.on(({ url }) =>
    url.host === 'telegram.test'
      ? Response.json({ ok: true, result: { message_id: 1, date: 1, chat: { id: 1, type: 'group' } } })
      : undefined,
  );
});

const message = (id: string, thread: string, change = {}) => ({
  id,
  group: 'cody',
  thread,
  from: 'ryan',
  text: `text of ${id}`,
  turn: true,
  incident: 'inc_x',
  at: 1,
  ...change,
});

let count = 0;
async function withQueue(check: (queue: GroupQueueStore) => void): Promise<void> {
  count += 1;
  await runInDurableObject(env.GROUP_QUEUE.getByName(`queue-${count}`), async (_, state) => {
    check(new GroupQueueStore(sqlOf(state.storage), 'cody', 2, () => {}));
    await state.storage.deleteAlarm();
  });
}

describe('turns', () => {
  test('go one at a time per thread; ending one grants the next of its thread', () =>
    withQueue((queue) => {
      expect(queue.enqueue(message('a', 't'), false)).toEqual({ state: 'active', position: 0 });
      expect(queue.enqueue(message('b', 't'), false)).toEqual({ state: 'waiting', position: 1 });
      expect(queue.enqueue(message('c', 'u'), false)).toEqual({ state: 'active', position: 0 });
      expect(queue.enqueue(message('d', 'v'), false)).toEqual({ state: 'waiting', position: 2 });
      queue.endTurn('a', 2);
      expect(queue.get('b')?.state).toBe('active');
      expect(queue.get('d')).toMatchObject({ state: 'waiting', position: 1 });
      queue.endTurn('c', 3);
      queue.endTurn('c', 3);
      expect(queue.get('d')?.state).toBe('active');
      expect(queue.outbox.items().map(({ key }) => key)).toEqual([
        'grant:a',
        'grant:c',
        'grant:b',
        'grant:d',
      ]);
    }));

  test('a message that is sent again is the same message', () =>
    withQueue((queue) => {
      queue.enqueue(message('a', 't'), true);
      queue.enqueue(message('a', 't', { text: 'other' }), true);
      expect(queue.messages(null, 10)).toMatchObject([{ text: 'text of a' }]);
      expect(queue.outbox.items()).toHaveLength(2);
    }));

  test('what asks for no turn is kept and blocks nobody', () =>
    withQueue((queue) => {
      expect(queue.enqueue(message('a', 't', { turn: false }), false)).toEqual({
        state: 'noted',
        position: 0,
      });
      expect(queue.enqueue(message('b', 't'), false).state).toBe('active');
    }));
});

test('messages appear in the group’s chat, escaped and in order; pages go back in time', async () => {
  const queue = groupQueueStub(env, 'cody');
  for (const n of [1, 2, 3])
    await queue.enqueue(message(`m${n}`, `t${n}`, { turn: false, text: `<b>${n}</b> & more` }));
  const texts = await until(async () => {
    const sent = outside
      .asked('POST', /sendMessage/)
      .map(({ body }) => body as { text: string; chat_id: unknown });
    return sent.length === 3 && sent;
  });
  expect(texts.map(({ text }) => text)).toEqual(
    [1, 2, 3].map((n) => `<b>ryan</b>\n&lt;b&gt;${n}&lt;/b&gt; &amp; more`),
  );
  const first = await queue.messages(null, 2);
  expect(first.items).toMatchObject([{ id: 'm3' }, { id: 'm2' }]);
  expect(await queue.messages(first.cursor, 2)).toMatchObject({ items: [{ id: 'm1' }], cursor: null });
});

test('a turn that nobody waits for ends at once', async () => {
  const queue = groupQueueStub(env, 'ryan');
  await queue.enqueue(message('lost', 't', { group: 'ryan', incident: 'inc_that_never_was' }));
  await until(async () => ((await queue.messages(null, 1)).items[0] as { state: string }).state === 'done');
});
