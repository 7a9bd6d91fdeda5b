import { env, evictDurableObject, runInDurableObject } from 'cloudflare:test';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { migrateDatabase } from '../../workers/test/database.ts';
import { Outside, until } from '../../workers/test/outside.ts';
import { stubOf } from '../stubs.ts';
import type { TelegramRpc } from './telegram-rpc.ts';

let outside: Outside;
let bot: TelegramRpc;
let stub: DurableObjectStub;
let n = 0;
beforeAll(migrateDatabase);
beforeEach(() => {
  outside = new Outside();
  let messageId = 100;
  outside.json('POST', /^\/bot100:token-for-tests\//, () => {
    messageId += 1;
    return { ok: true, result: { message_id: messageId } };
  });
  n += 1;
  stub = env.TELEGRAM.getByName(`test-${n}`);
  bot = stubOf<TelegramRpc>(env.TELEGRAM, `test-${n}`);
});

const message = (key: string, chat = '1', html = key) => ({
  key,
  chat,
  thread: null,
  html,
  buttons: [],
  at: Date.now(),
});
const sent = () =>
  outside
    .asked('POST', /sendMessage/)
    .map(({ body }) => body as { chat_id: string; text: string; reply_markup?: unknown });
const refuse = (times: number, status: number, about: object) => {
  let left = times;
  outside.on(({ url }) => {
    if (!url.pathname.endsWith('/sendMessage') || left === 0) return undefined;
    left -= 1;
    return Response.json({ ok: false, error_code: status, ...about }, { status });
  });
};

interface PostRow extends Record<string, string | number | null> {
  state: string;
  tries: number;
}

const post = (key: string): Promise<PostRow | undefined> =>
  runInDurableObject(
    stub,
    (_, state) => state.storage.sql.exec<PostRow>('SELECT * FROM posts WHERE key = ?', key).toArray()[0],
  );

describe('the Telegram object', () => {
  it('sends a message once per key, with its buttons', async () => {
    const withButtons = { ...message('a'), buttons: [{ text: 'Approve', action: 'ok:x:1' }] };
    await bot.send(withButtons);
    await bot.send(withButtons);
    await until(async () => (await post('a'))?.state === 'sent');
    expect(sent()).toHaveLength(1);
    expect(sent()[0]).toMatchObject({ chat_id: '1', parse_mode: 'HTML' });
    expect(JSON.stringify(sent()[0]?.reply_markup)).toContain('ok:x:1');
  });

  it('keeps the order of a chat and its pace, and lets other chats go ahead', async () => {
    const started = Date.now();
    for (const key of ['first', 'second']) await bot.send(message(key));
    await bot.send(message('elsewhere', '2'));
    await until(async () => sent().length === 3);
    expect(Date.now() - started).toBeGreaterThanOrEqual(1_000);
    expect(sent().map(({ text }) => text)).toEqual(['first', 'elsewhere', 'second']);
  });

  it('splits what is too long and puts the buttons under the last part', async () => {
    const long = { ...message('long', '3', 'line\n'.repeat(1_000)), buttons: [{ text: 'B', action: 'x' }] };
    await bot.send(long);
    await until(async () => sent().length === 2);
    expect(sent().map(({ reply_markup }) => reply_markup !== undefined)).toEqual([false, true]);
    for (const { text } of sent()) expect(text.length).toBeLessThanOrEqual(4_096);
  });

  it('waits as long as a 429 asks', async () => {
    refuse(1, 429, { description: 'Too Many Requests', parameters: { retry_after: 2 } });
    const started = Date.now();
    await bot.send(message('patient'));
    await until(async () => (await post('patient'))?.state === 'sent');
    expect(Date.now() - started).toBeGreaterThanOrEqual(2_000);
    expect(sent().at(-1)?.text).toBe('patient');
  });

  it('repeats a send whose answer was lost, and says so in the message', async () => {
    let lost = false;
    outside.on(({ url }) => {
      if (lost || !url.pathname.endsWith('/sendMessage')) return undefined;
      lost = true;
      throw new TypeError('connection reset');
    });
    await bot.send(message('doubt'));
    await until(async () => (await post('doubt'))?.state === 'sent');
    expect(sent().map(({ text }) => text.includes('sent again'))).toEqual([false, true]);
  });

  it('takes what was being sent at a crash as doubtful', async () => {
    await bot.send(message('crash'));
    await until(async () => (await post('crash'))?.state === 'sent');
    await runInDurableObject(stub, (_, state) => {
      state.storage.sql.exec(`UPDATE posts SET state = 'sending', message_id = NULL WHERE key = 'crash'`);
    });
    await evictDurableObject(stub);
    await bot.poke();
    await until(async () => (await post('crash'))?.state === 'sent');
    expect(sent().at(-1)?.text).toContain('sent again');
  });

  it('sends plain text when Telegram cannot read the HTML', async () => {
    refuse(1, 400, { description: "Bad Request: can't parse entities: unexpected end tag" });
    await bot.send(message('odd', '1', '<b>a &lt; b</b>'));
    await until(async () => (await post('odd'))?.state === 'sent');
    expect(sent().at(-1)?.text).toBe('a < b');
  });

  it('buries what is refused for good, visible and replayable, and goes on with the next', async () => {
    refuse(1, 403, { description: 'Forbidden: bot was blocked by the user' });
    await bot.send(message('blocked'));
    await bot.send(message('next'));
    await until(async () => (await post('next'))?.state === 'sent');
    expect((await post('blocked'))?.state).toBe('dead');
    const row = await until(() =>
      env.DB.prepare(`SELECT * FROM dead_letters WHERE key = 'blocked'`).first<{
        state: string;
        error: string;
      }>(),
    );
    expect(row).toMatchObject({ state: 'dead' });
    expect(row.error).not.toContain('token-for-tests');
    expect(await bot.retry('blocked')).toBe(true);
    expect(await bot.retry('blocked')).toBe(false);
    await until(async () => (await post('blocked'))?.state === 'sent');
  });

  it('settles a message: its buttons go, a line is added, and the next line comes after it', async () => {
    await bot.send({ ...message('pr'), buttons: [{ text: 'Approve', action: 'ok:x:1' }] });
    await bot.settle('pr', 'Approved by Jan');
    await bot.settle('pr', 'Approved by Jan');
    await bot.settle('pr', 'Merged');
    await until(async () => outside.asked('POST', /editMessageText/).length === 2);
    const edits = outside.asked('POST', /editMessageText/).map(({ body }) => body as { text: string });
    expect(edits.map(({ text }) => text)).toEqual([
      'pr\n\nApproved by Jan',
      'pr\n\nApproved by Jan\n\nMerged',
    ]);
    expect(JSON.stringify(edits)).not.toContain('reply_markup');
  });

  it('answers a button once, even one that is too old', async () => {
    outside.json('POST', /answerCallbackQuery/, () =>
      Response.json({ ok: false, error_code: 400, description: 'query is too old' }, { status: 400 }),
    );
    await bot.answerCallback('q1', 'Approved.');
    await bot.answerCallback('q1', 'Approved.');
    await until(async () => (await post('callback:q1'))?.state === 'sent');
    expect(outside.asked('POST', /answerCallbackQuery/)).toHaveLength(1);
  });
});
