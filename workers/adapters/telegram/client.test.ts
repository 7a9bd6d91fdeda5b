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

test('an answer that never comes is given up after a quarter of a minute, and leaves it open', async () => {
  vi.useFakeTimers();
  try {
    let aborted = false;
    vi.stubGlobal(
      'fetch',
      (_: unknown, init: RequestInit) =>
        new Promise((_, reject) =>
          init.signal?.addEventListener('abort', () => {
            aborted = true;
            reject(new DOMException('aborted', 'AbortError'));
          }),
        ),
    );
    const sent = client.send(message).catch((error: unknown) => error);
    await vi.advanceTimersByTimeAsync(16_000);
    expect(await sent).toMatchObject({ retryable: true, ambiguous: true });
    expect(aborted).toBe(true);
  } finally {
    vi.useRealTimers();
  }
});
