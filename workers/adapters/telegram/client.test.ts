import { afterEach, expect, test, vi } from 'vitest';
import { TelegramError, telegramClient } from './client.ts';

const client = telegramClient({ apiRoot: 'http://telegram.test', token: '1:token', chats: new Map() });
const message = { chat: '1', thread: null, text: 'Hello', format: 'html' as const, buttons: [] };

async function errorOf(status: number, body: string): Promise<TelegramError> {
  vi.stubGlobal('fetch', async () => new Response(body, { status }));
  const error: unknown = await client.send(message).catch((caught: unknown) => caught);
  if (!(error instanceof TelegramError)) throw new Error('it was sent');
  return error;
}

afterEach(() => vi.unstubAllGlobals());

test('an answer of something on the way leaves open whether the message arrived, and is tried again', async () => {
  for (const body of ['{"message":"bad gateway"}', '<html>Bad Gateway</html>'])
    expect(await errorOf(502, body)).toMatchObject({ retryable: true, ambiguous: true });
});

test('what the Bot API refuses did not arrive, and is not tried again', async () => {
  const refused = '{"ok":false,"error_code":403,"description":"Forbidden: bot was blocked by the user"}';
  expect(await errorOf(403, refused)).toMatchObject({ retryable: false, ambiguous: false });
});
