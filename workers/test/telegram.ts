import type { Outside } from './outside.ts';

/** Telegram takes whatever the bot sends. */
export function telegramTakesAll(outside: Outside): void {
  let messages = 0;
  outside.on(({ url }) => {
    if (url.host !== 'telegram.test') return undefined;
    messages += 1;
    const result = { message_id: messages, date: 1, chat: { id: 1, type: 'private' } };
    return Response.json({ ok: true, result });
  });
}
