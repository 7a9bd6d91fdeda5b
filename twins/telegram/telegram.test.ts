import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startTwinServer, type TwinServer } from '../shared/twin-server.ts';
import { createTelegramTwin, type TelegramTwin, type TelegramTwinOptions } from './index.ts';
import { retryAfterSeconds, telegramLimits } from './rate-limits.ts';

const token = '7000000001:test-token';
const operator = { id: 42, first_name: 'Jan' };
const group = -1001;

let twin: TelegramTwin;

async function start(options: Partial<TelegramTwinOptions> = {}): Promise<void> {
  twin = await createTelegramTwin({
    token,
    limits: false,
    webhookRetryMs: 5,
    chats: [
      { id: 42, firstName: 'Jan' },
      { id: group, title: 'Crew', isForum: true },
    ],
    ...options,
  });
}
afterEach(() => twin.close());

type Reply = {
  ok: boolean;
  result?: unknown;
  error_code?: number;
  description?: string;
  parameters?: unknown;
};

async function api(method: string, body: Record<string, unknown> = {}, withToken = token): Promise<Reply> {
  const response = await fetch(`${twin.url}/bot${withToken}/${method}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  return (await response.json()) as Reply;
}

const send = (text: string, more: Record<string, unknown> = {}): Promise<Reply> =>
  api('sendMessage', { chat_id: 42, text, ...more });
const keyboard = (data: string): Record<string, unknown> => ({
  reply_markup: { inline_keyboard: [[{ text: 'Approve', callback_data: data }]] },
});

describe('the Bot API', () => {
  beforeEach(() => start());

  it('knows its bot, and only by its token', async () => {
    expect((await api('getMe')).result).toMatchObject({
      id: 7000000001,
      is_bot: true,
      username: 'dogwatch_bot',
      can_read_all_group_messages: true,
    });
    expect(await api('getMe', {}, 'other')).toEqual({
      ok: false,
      error_code: 401,
      description: 'Unauthorized',
    });
    expect((await api('noSuchMethod')).error_code).toBe(404);
    expect(JSON.stringify(twin.requests())).not.toContain('test-token');
  });

  it('sends text with entities, and takes a form as well as JSON', async () => {
    const sent = await send('<b>Red</b> main', { parse_mode: 'HTML' });
    expect(sent.result).toMatchObject({
      message_id: 1,
      text: 'Red main',
      entities: [{ type: 'bold', offset: 0, length: 3 }],
      chat: { id: 42, type: 'private', first_name: 'Jan' },
      from: { is_bot: true },
    });
    const body = new URLSearchParams({
      chat_id: '42',
      text: 'form',
      reply_markup: JSON.stringify(keyboard('x').reply_markup),
    });
    const form = await fetch(`${twin.url}/bot${token}/sendMessage`, { method: 'POST', body });
    expect(((await form.json()) as Reply).ok).toBe(true);
    expect(twin.messages(42).at(-1)?.buttons).toEqual([[{ text: 'Approve', data: 'x' }]]);
  });

  it.each([
    [{ chat_id: 999, text: 'a' }, 'Bad Request: chat not found'],
    [{ chat_id: 42, text: ' ' }, 'Bad Request: message text is empty'],
    [{ chat_id: 42, text: 'x'.repeat(4097) }, 'Bad Request: message is too long'],
    [{ chat_id: 42, text: 'a', ...keyboard('d'.repeat(65)) }, 'Bad Request: BUTTON_DATA_INVALID'],
    [{ chat_id: group, text: 'a', message_thread_id: 7 }, 'Bad Request: message thread not found'],
    [
      { chat_id: 42, text: '<b>', parse_mode: 'HTML' },
      'Bad Request: can\'t parse entities: Can\'t find end tag corresponding to start tag "b"',
    ],
  ])('refuses a bad message %#', async (body, description) => {
    expect(await api('sendMessage', body)).toEqual({ ok: false, error_code: 400, description });
    expect(twin.messages()).toEqual([]);
  });

  it('counts the length after the markup is gone', async () => {
    expect((await send(`<b>${'x'.repeat(4096)}</b>`, { parse_mode: 'HTML' })).ok).toBe(true);
  });

  it('edits, keeps what was, and refuses an edit that changes nothing', async () => {
    await send('one', keyboard('a'));
    const edit = (text: string): Promise<Reply> =>
      api('editMessageText', { chat_id: 42, message_id: 1, text });
    expect((await edit('two')).result).toMatchObject({ text: 'two', edit_date: expect.any(Number) });
    expect((await edit('two')).description).toMatch(/^Bad Request: message is not modified/);
    expect(twin.messages(42)).toMatchObject([{ text: 'two', buttons: [], history: [{ text: 'one' }] }]);
    const unknown = await api('editMessageText', { chat_id: 42, message_id: 9, text: 'x' });
    expect(unknown.description).toBe('Bad Request: message to edit not found');
    const markup = await api('editMessageReplyMarkup', { chat_id: 42, message_id: 1, ...keyboard('b') });
    expect(markup.ok).toBe(true);
  });

  it('has topics in a forum', async () => {
    const topic = (await api('createForumTopic', { chat_id: group, name: 'Cody' })).result as {
      message_thread_id: number;
    };
    const threadId = topic.message_thread_id;
    await api('sendMessage', { chat_id: group, text: 'hello', message_thread_id: threadId });
    expect(twin.messages(group)).toMatchObject([{ threadId, thread: 'Cody', text: 'hello', chat: 'Crew' }]);
  });

  it('answers a pressed button once', async () => {
    await send('Approve?', keyboard('approve:1'));
    const press = twin.press({ chatId: 42, button: 'approve', from: operator });
    if (!press.ok) throw new Error(press.message);
    const answer = { callback_query_id: press.callbackQueryId, text: 'Done' };
    expect((await api('answerCallbackQuery', answer)).result).toBe(true);
    expect((await api('answerCallbackQuery', answer)).description).toMatch(/query is too old/);
    expect(twin.callbackAnswers()).toMatchObject([{ text: 'Done' }]);
    expect(twin.press({ chatId: 42, button: 'nothing', from: operator }).ok).toBe(false);
  });

  it('gives updates by getUpdates, but not while a webhook is set', async () => {
    twin.say({ chatId: 42, from: operator, text: '/status@dogwatch_bot now' });
    const [update] = (await api('getUpdates')).result as Record<string, unknown>[];
    expect(update).toMatchObject({
      update_id: 100001,
      message: {
        text: '/status@dogwatch_bot now',
        from: { id: 42, first_name: 'Jan', is_bot: false },
        entities: [{ type: 'bot_command', offset: 0, length: 20 }],
      },
    });
    expect((await api('getUpdates', { offset: 100002 })).result).toEqual([]);
    await api('setWebhook', { url: 'http://127.0.0.1:9/hook', secret_token: 'abc' });
    expect((await api('getUpdates')).error_code).toBe(409);
    await api('deleteWebhook');
    expect((await api('getWebhookInfo')).result).toMatchObject({ url: '', pending_update_count: 0 });
  });

  it('fails as asked', async () => {
    const faults = [
      { path: 'sendMessage', status: 429, retryAfterSeconds: 3 },
      { path: 'sendMessage', status: 502 },
      { path: 'sendMessage', drop: 'after' },
    ];
    await fetch(`${twin.url}/__twin/faults`, { method: 'POST', body: JSON.stringify(faults) });
    expect(await send('a')).toMatchObject({ error_code: 429, parameters: { retry_after: 3 } });
    expect(await send('b')).toMatchObject({ error_code: 502, description: 'Bad Gateway' });
    await expect(send('c')).rejects.toThrow();
    expect(twin.messages(42).map((message) => message.text)).toEqual(['c']);
  });
});

describe('rate limits', () => {
  it('answer 429 with the seconds to wait', async () => {
    await start({ limits: { chatBurst: 2 } });
    await send('a');
    await send('b');
    const refused = await send('c');
    expect(refused).toMatchObject({ ok: false, error_code: 429 });
    expect(refused.description).toMatch(/^Too Many Requests: retry after [12]$/);
    expect(refused.parameters).toEqual({ retry_after: expect.any(Number) });
    expect((await api('sendMessage', { chat_id: group, text: 'elsewhere' })).ok).toBe(true);
  });

  it('count overall, per chat and per group', async () => {
    await start();
    const sent = (count: number, everyMs: number, chatId: number) =>
      Array.from({ length: count }, (_, n) => ({ chatId, at: 60_000 - (count - n) * everyMs }));
    const wait = (before: { chatId: number; at: number }[], isGroup: boolean): number | undefined =>
      retryAfterSeconds(before, 1, isGroup, 60_000, telegramLimits);
    expect(wait(sent(30, 10, 2), false)).toBe(1);
    expect(wait(sent(29, 10, 2), false)).toBeUndefined();
    expect(wait(sent(5, 100, 1), false)).toBe(5);
    expect(wait(sent(20, 2000, 1), false)).toBeUndefined();
    expect(wait(sent(20, 2000, 1), true)).toBe(20);
  });
});

describe('the webhook', () => {
  let server: TwinServer;
  let received: { secret: unknown; update: Record<string, unknown> }[];
  let answers: number[];

  beforeEach(async () => {
    received = [];
    answers = [];
    server = await startTwinServer({
      handle: async (request) => {
        const update = (await request.json()) as Record<string, unknown>;
        received.push({ secret: request.headers['x-telegram-bot-api-secret-token'], update });
        return { status: answers.shift() ?? 200 };
      },
    });
    await start({ webhook: { url: `${server.url}/hooks/telegram`, secret: 'hook-secret' } });
  });
  afterEach(() => server.close());

  it('gets updates in order, each repeated until it is taken', async () => {
    answers.push(503, 500);
    for (const text of ['one', 'two']) twin.say({ chatId: 42, from: operator, text });
    await twin.idle();
    expect(received.map((one) => one.update.update_id)).toEqual([100001, 100001, 100001, 100002]);
    expect(new Set(received.map((one) => one.secret))).toEqual(new Set(['hook-secret']));
    expect((await api('getWebhookInfo')).result).toMatchObject({
      pending_update_count: 0,
      last_error_message: 'Wrong response from the webhook: 500 Internal Server Error',
    });
  });

  it('gets presses, with the message and the data', async () => {
    await send('Approve?', keyboard('approve:1'));
    const pressed = await fetch(`${twin.url}/__twin/press`, {
      method: 'POST',
      body: JSON.stringify({ chatId: 42, messageId: 'last', button: 'Approve', from: operator }),
    });
    expect(pressed.status).toBe(201);
    await twin.idle();
    expect(received[0]?.update).toMatchObject({
      callback_query: { from: { id: 42 }, data: 'approve:1', message: { message_id: 1, chat: { id: 42 } } },
    });
  });
});
