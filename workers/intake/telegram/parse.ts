import type { Update, User } from 'grammy/types';
import { z } from 'zod';
import type { InboxPayload, TelegramPlace } from '../../routing/inbox-event.ts';

/** Only what is read is checked; the rest is Telegram’s own shape. */
const userSchema = z.looseObject({
  id: z.number(),
  first_name: z.string().nullish(),
  last_name: z.string().nullish(),
  username: z.string().nullish(),
});
const messageSchema = z.looseObject({
  message_id: z.number(),
  message_thread_id: z.number().nullish(),
  is_topic_message: z.boolean().nullish(),
  chat: z.looseObject({ id: z.number() }),
  from: userSchema.nullish(),
  text: z.string().nullish(),
  forward_origin: z.looseObject({}).nullish(),
  caption: z.string().nullish(),
  reply_to_message: z.looseObject({ message_id: z.number() }).nullish(),
});

/** What a person sends; every other message without text is a notice of Telegram's own. */
const MEDIA = [
  'animation',
  'audio',
  'contact',
  'document',
  'location',
  'photo',
  'poll',
  'sticker',
  'story',
  'video',
  'video_note',
  'voice',
];
const updateSchema = z.looseObject({
  update_id: z.number().int(),
  message: messageSchema.nullish(),
  callback_query: z.looseObject({ id: z.string(), from: userSchema, data: z.string().nullish() }).nullish(),
});

export type ParsedUpdate =
  | { kind: 'malformed'; reason: string }
  /** Nothing that anyone is to act on. */
  | { kind: 'other'; update: number; type: string }
  | { kind: 'stranger'; update: number; sender: string; name: string }
  | { kind: 'event'; update: number; type: string; payload: InboxPayload };

const BUTTON = /^(ok|no):(inc_[0-9A-HJKMNP-TV-Z]{26}):(\d{1,6})$/;

export function parseUpdate(value: unknown, operator: string): ParsedUpdate {
  const parsed = updateSchema.safeParse(value);
  if (!parsed.success) return { kind: 'malformed', reason: z.prettifyError(parsed.error) };
  const { update_id: update, message, callback_query: callback } = parsed.data;
  const sender = callback?.from ?? message?.from ?? null;
  if (sender === null) return { kind: 'other', update, type: typeOf(parsed.data) };
  if (String(sender.id) !== operator)
    return { kind: 'stranger', update, sender: String(sender.id), name: nameOf(sender) };
  if (callback)
    return {
      kind: 'event',
      update,
      type: 'callback_query',
      payload: buttonOf(callback.id, callback.data ?? '', nameOf(sender)),
    };
  const text = message?.text ?? message?.caption ?? '';
  // A picture or a voice message waits for an answer like a text does.
  if (!message || (text === '' && !MEDIA.some((kind) => kind in message)))
    return { kind: 'other', update, type: typeOf(parsed.data) };
  const place: TelegramPlace = {
    chat: String(message.chat.id),
    thread: message.is_topic_message ? (message.message_thread_id ?? null) : null,
  };
  return {
    kind: 'event',
    update,
    type: 'message',
    payload: {
      kind: 'operator_text',
      place,
      message: message.message_id,
      text,
      isForwarded: Boolean(message.forward_origin),
      ...(message.reply_to_message ? { repliesTo: message.reply_to_message.message_id } : {}),
      by: nameOf(sender),
    },
  };
}

function buttonOf(callback: string, data: string, by: string): InboxPayload {
  const match = BUTTON.exec(data);
  if (!match?.[1] || !match[2] || !match[3]) return { kind: 'stray_button', callback };
  return {
    kind: 'decision',
    incident: match[2],
    attempt: Number(match[3]),
    verdict: match[1] === 'ok' ? 'approved' : 'denied',
    by,
    via: 'telegram',
    callback,
  };
}

function nameOf(user: z.infer<typeof userSchema> | User): string {
  const name = [user.first_name, user.last_name].filter(Boolean).join(' ');
  return (user.username ? `${name} (@${user.username})` : name).trim() || `user ${user.id}`;
}

/** An update is `update_id` and one more member, which names its type. */
function typeOf(update: Pick<Update, 'update_id'> & Record<string, unknown>): string {
  return Object.keys(update).find((key) => key !== 'update_id') ?? 'unknown';
}
