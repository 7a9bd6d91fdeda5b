/** What the twin knows of chats and messages, and the shapes the Bot API gives them. */
import type { MessageEntity } from './entities.ts';

export type User = { id: number; first_name: string; is_bot?: boolean; username?: string };

export type Chat = {
  id: number;
  type: 'private' | 'group' | 'supergroup';
  title?: string;
  firstName?: string;
  isForum: boolean;
  topics: Map<number, string>;
};

export type Button = { text: string; callback_data?: string; url?: string };

export type Message = {
  messageId: number;
  chat: Chat;
  threadId?: number;
  from: User;
  at: number;
  text: string;
  entities: MessageEntity[];
  buttons: Button[][];
  replyTo?: Message;
  editedAt?: number;
  /** Texts it had before, oldest first. */
  history: { at: number; text: string }[];
};

/** A message as a person in the chat sees it. Times are ISO-8601 UTC. */
export type SeenMessage = {
  chatId: number;
  chat: string;
  threadId?: number;
  thread?: string;
  messageId: number;
  from: string;
  fromBot: boolean;
  at: string;
  text: string;
  buttons: { text: string; data?: string }[][];
  editedAt?: string;
  history: { at: string; text: string }[];
};

export function chatJson(chat: Chat): Record<string, unknown> {
  if (chat.type === 'private') return { id: chat.id, first_name: chat.firstName ?? '', type: chat.type };
  return {
    id: chat.id,
    title: chat.title ?? '',
    type: chat.type,
    ...(chat.isForum ? { is_forum: true } : {}),
  };
}

export function userJson(user: User): Record<string, unknown> {
  return {
    id: user.id,
    is_bot: user.is_bot ?? false,
    first_name: user.first_name,
    ...(user.username === undefined ? {} : { username: user.username }),
  };
}

export function messageJson(message: Message, withReply = true): Record<string, unknown> {
  return {
    message_id: message.messageId,
    ...(message.threadId === undefined ? {} : { message_thread_id: message.threadId }),
    from: userJson(message.from),
    chat: chatJson(message.chat),
    date: Math.floor(message.at / 1000),
    ...(message.editedAt === undefined ? {} : { edit_date: Math.floor(message.editedAt / 1000) }),
    ...(message.threadId === undefined ? {} : { is_topic_message: true }),
    ...(withReply && message.replyTo ? { reply_to_message: messageJson(message.replyTo, false) } : {}),
    text: message.text,
    ...(message.entities.length > 0 ? { entities: message.entities } : {}),
    ...(message.buttons.length > 0 ? { reply_markup: { inline_keyboard: message.buttons } } : {}),
  };
}

export function seenMessage(message: Message): SeenMessage {
  const { chat, threadId } = message;
  const thread = threadId === undefined ? undefined : chat.topics.get(threadId);
  return {
    chatId: chat.id,
    chat: chat.title ?? chat.firstName ?? String(chat.id),
    ...(threadId === undefined ? {} : { threadId }),
    ...(thread === undefined ? {} : { thread }),
    messageId: message.messageId,
    from: message.from.first_name,
    fromBot: message.from.is_bot ?? false,
    at: new Date(message.at).toISOString(),
    text: message.text,
    buttons: message.buttons.map((row) =>
      row.map((button) => ({
        text: button.text,
        ...(button.callback_data === undefined ? {} : { data: button.callback_data }),
      })),
    ),
    ...(message.editedAt === undefined ? {} : { editedAt: new Date(message.editedAt).toISOString() }),
    history: message.history.map((one) => ({ at: new Date(one.at).toISOString(), text: one.text })),
  };
}

/** Commands and mentions that a person types become entities without any markup. */
export function typedEntities(text: string): MessageEntity[] {
  const entities: MessageEntity[] = [];
  for (const match of text.matchAll(/(?<=^|\s)(\/[a-z0-9_]+(?:@[a-z0-9_]+)?|@[a-z0-9_]{3,})/gi)) {
    const word = match[0];
    entities.push({
      type: word.startsWith('/') ? 'bot_command' : 'mention',
      offset: match.index,
      length: word.length,
    });
  }
  return entities;
}
