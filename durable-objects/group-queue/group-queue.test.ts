import { env } from 'cloudflare:workers';
import { beforeAll, beforeEach, expect, test } from 'vitest';
import { migrateDatabase } from '../../workers/test/database.ts';
import { Outside, until } from '../../workers/test/outside.ts';
import { telegramTakesAll } from '../../workers/test/telegram.ts';
import { groupQueueStub } from '../stubs.ts';
import { groupMessage } from '../test/group-message.ts';

let outside: Outside;
beforeAll(migrateDatabase);
beforeEach(() => {
  outside = new Outside();
  telegramTakesAll(outside);
});

test('messages appear in the group’s chat, escaped and in order; pages go back in time', async () => {
  const queue = groupQueueStub(env, 'cody');
  for (const n of [1, 2, 3])
    await queue.enqueue(groupMessage(`m${n}`, `t${n}`, { turn: false, text: `<b>${n}</b> & more` }));
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
  await queue.enqueue(groupMessage('lost', 't', { group: 'ryan', incident: 'inc_that_never_was' }));
  await until(async () => ((await queue.messages(null, 1)).items[0] as { state: string }).state === 'done');
});
