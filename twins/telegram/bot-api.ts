/** The Bot API's methods that a bot of ours calls, with their checks in the service's order and words. */
import { type Button, type Chat, chatJson, type Message, messageJson, type User, userJson } from './chats.ts';
import { type MessageEntity, parseText } from './entities.ts';
import { type RateLimits, retryAfterSeconds, type SentBefore } from './rate-limits.ts';
import type { Updates } from './webhook.ts';

export type Params = Record<string, unknown>;

/** A refusal by the Bot API; it becomes `{ ok: false, error_code, description, parameters }`. */
export class BotApiError extends Error {
  readonly code: number;
  readonly retryAfterSeconds: number | undefined;

  constructor(code: number, description: string, retryAfter?: number) {
    super(description);
    this.code = code;
    this.retryAfterSeconds = retryAfter;
  }
}

export type BotState = {
  bot: User;
  chats: Map<number, Chat>;
  messages: Message[];
  /** Callback queries that may still be answered, by id; the value is when they were asked. */
  callbacks: Map<string, number>;
  answeredCallbacks: { id: string; text?: string; showAlert: boolean; at: number }[];
  commands: unknown[];
  sent: SentBefore[];
  limits: RateLimits | undefined;
  updates: Updates;
  now: () => number;
};

const longestText = 4096;
const callbackLifeMs = 15 * 60_000;

type Method = (state: BotState, params: Params) => unknown;

export const methods: Record<string, Method> = {
  getme: (state) => ({
    ...userJson(state.bot),
    can_join_groups: true,
    can_read_all_group_messages: true,
    supports_inline_queries: false,
    can_connect_to_business: false,
    has_main_web_app: false,
  }),
  setwebhook: setWebhook,
  getwebhookinfo: (state) => state.updates.info(),
  deletewebhook: (state, params) => {
    state.updates.setWebhook(undefined);
    if (isTrue(params.drop_pending_updates)) state.updates.dropPending();
    return true;
  },
  getupdates: (state, params) => {
    if (state.updates.webhook()) {
      throw new BotApiError(
        409,
        "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first",
      );
    }
    return state.updates.read(toNumber(params.offset), toNumber(params.limit) ?? 100);
  },
  sendmessage: sendMessage,
  editmessagetext: editMessageText,
  editmessagereplymarkup: editMessageReplyMarkup,
  answercallbackquery: answerCallbackQuery,
  setmycommands: (state, params) => {
    const commands = fromJson(params.commands);
    if (!Array.isArray(commands)) throw bad("can't parse commands: expected an Array");
    state.commands = commands;
    return true;
  },
  getmycommands: (state) => state.commands,
  createforumtopic: createForumTopic,
  getchat: (state, params) => chatJson(findChat(state, params.chat_id)),
  sendchataction: (state, params) => {
    findChat(state, params.chat_id);
    return true;
  },
  deletemessage: (state, params) => {
    const message = findMessage(state, params, 'delete');
    state.messages.splice(state.messages.indexOf(message), 1);
    return true;
  },
};

function setWebhook(state: BotState, params: Params): true {
  const url = String(params.url ?? '');
  if (url === '') {
    state.updates.setWebhook(undefined);
    return true;
  }
  // The service insists on HTTPS; a stand-in on the loopback cannot.
  if (!/^https?:\/\//.test(url) || !URL.canParse(url))
    throw bad('bad webhook: invalid webhook URL specified');
  const secret = params.secret_token === undefined ? undefined : String(params.secret_token);
  if (secret !== undefined && !/^[A-Za-z0-9_-]{1,256}$/.test(secret)) {
    throw bad('secret token contains unallowed characters');
  }
  const allowed = fromJson(params.allowed_updates);
  if (isTrue(params.drop_pending_updates)) state.updates.dropPending();
  state.updates.setWebhook({
    url,
    maxConnections: toNumber(params.max_connections) ?? 40,
    ...(secret === undefined ? {} : { secretToken: secret }),
    ...(Array.isArray(allowed) ? { allowedUpdates: allowed.map(String) } : {}),
  });
  return true;
}

function sendMessage(state: BotState, params: Params): Record<string, unknown> {
  const chat = findChat(state, params.chat_id);
  const content = readText(params);
  const threadId = readThread(chat, params);
  const buttons = readButtons(params.reply_markup);
  const replyTo = readReply(state, chat, params);
  holdLimits(state, chat);
  const message: Message = {
    messageId: nextMessageId(state, chat),
    chat,
    ...(threadId === undefined ? {} : { threadId }),
    from: state.bot,
    at: state.now(),
    ...content,
    buttons,
    ...(replyTo ? { replyTo } : {}),
    history: [],
  };
  state.messages.push(message);
  return messageJson(message);
}

function editMessageText(state: BotState, params: Params): Record<string, unknown> {
  const message = findMessage(state, params, 'edit');
  const content = readText(params);
  const buttons = readButtons(params.reply_markup);
  const same =
    content.text === message.text &&
    JSON.stringify(content.entities) === JSON.stringify(message.entities) &&
    JSON.stringify(buttons) === JSON.stringify(message.buttons);
  if (same) throw notModified();
  message.history.push({ at: message.editedAt ?? message.at, text: message.text });
  Object.assign(message, content, { buttons, editedAt: state.now() });
  return messageJson(message);
}

function editMessageReplyMarkup(state: BotState, params: Params): Record<string, unknown> {
  const message = findMessage(state, params, 'edit');
  const buttons = readButtons(params.reply_markup);
  if (JSON.stringify(buttons) === JSON.stringify(message.buttons)) throw notModified();
  message.buttons = buttons;
  message.editedAt = state.now();
  return messageJson(message);
}

function answerCallbackQuery(state: BotState, params: Params): true {
  const id = String(params.callback_query_id ?? '');
  const askedAt = state.callbacks.get(id);
  if (askedAt === undefined || state.now() - askedAt > callbackLifeMs) {
    throw bad('query is too old and response timeout expired or query ID is invalid');
  }
  const text = params.text === undefined ? undefined : String(params.text);
  if (text !== undefined && text.length > 200) throw bad('MESSAGE_TOO_LONG');
  state.callbacks.delete(id);
  state.answeredCallbacks.push({
    id,
    ...(text === undefined ? {} : { text }),
    showAlert: isTrue(params.show_alert),
    at: state.now(),
  });
  return true;
}

function createForumTopic(state: BotState, params: Params): Record<string, unknown> {
  const chat = findChat(state, params.chat_id);
  if (!chat.isForum) throw bad('the chat is not a forum');
  const name = String(params.name ?? '');
  if (name === '' || name.length > 128) throw bad('TOPIC_NAME_INVALID');
  const threadId = nextMessageId(state, chat);
  chat.topics.set(threadId, name);
  return { message_thread_id: threadId, name, icon_color: 7322096 };
}

/** Ids count per chat; a topic takes one too, as the message that opens it. */
export function nextMessageId(state: BotState, chat: Chat): number {
  const used = state.messages.filter((message) => message.chat === chat).map((message) => message.messageId);
  return Math.max(0, ...used, ...chat.topics.keys()) + 1;
}

export function findChat(state: BotState, id: unknown): Chat {
  if (id === undefined || id === '') throw bad('chat_id is empty');
  const chat = state.chats.get(Number(id));
  if (!chat) throw bad('chat not found');
  return chat;
}

function findMessage(state: BotState, params: Params, what: 'edit' | 'delete'): Message {
  const chat = findChat(state, params.chat_id);
  const message = state.messages.find(
    (one) => one.chat === chat && one.messageId === Number(params.message_id),
  );
  if (!message) throw bad(`message to ${what} not found`);
  if (what === 'edit' && message.from.id !== state.bot.id) throw bad("message can't be edited");
  return message;
}

function readText(params: Params): { text: string; entities: MessageEntity[] } {
  const source = params.text === undefined ? '' : String(params.text);
  const mode = params.parse_mode === undefined ? undefined : String(params.parse_mode);
  const parsed = parseText(source, mode);
  if (!parsed.ok) throw bad(`can't parse entities: ${parsed.message}`);
  if (parsed.text === '') throw bad('message text is empty');
  if (parsed.text.length > longestText) throw bad('message is too long');
  const given = fromJson(params.entities);
  const entities = Array.isArray(given) && mode === undefined ? (given as MessageEntity[]) : parsed.entities;
  return { text: parsed.text, entities };
}

function readThread(chat: Chat, params: Params): number | undefined {
  const threadId = toNumber(params.message_thread_id);
  if (threadId === undefined) return undefined;
  if (!chat.isForum || !chat.topics.has(threadId)) throw bad('message thread not found');
  return threadId;
}

function readReply(state: BotState, chat: Chat, params: Params): Message | undefined {
  const wanted = fromJson(params.reply_parameters) as
    | { message_id?: unknown; allow_sending_without_reply?: unknown }
    | undefined;
  const id = toNumber(wanted?.message_id ?? params.reply_to_message_id);
  if (id === undefined) return undefined;
  const found = state.messages.find((one) => one.chat === chat && one.messageId === id);
  if (!found && !isTrue(wanted?.allow_sending_without_reply)) throw bad('message to be replied not found');
  return found;
}

function readButtons(markup: unknown): Button[][] {
  const value = fromJson(markup) as { inline_keyboard?: unknown } | undefined;
  if (value === undefined || value === null || value.inline_keyboard === undefined) return [];
  if (!Array.isArray(value.inline_keyboard)) throw bad("can't parse inline keyboard: expected an Array");
  const rows = value.inline_keyboard as Button[][];
  for (const button of rows.flat()) {
    if (!button.text)
      throw bad("can't parse inline keyboard button: Text buttons are unallowed in the inline keyboard");
    if (button.callback_data === undefined && button.url === undefined) {
      throw bad("can't parse inline keyboard button: Text buttons are unallowed in the inline keyboard");
    }
    const bytes = Buffer.byteLength(button.callback_data ?? 'x');
    if (bytes < 1 || bytes > 64) throw bad('BUTTON_DATA_INVALID');
  }
  return rows.filter((row) => row.length > 0);
}

function holdLimits(state: BotState, chat: Chat): void {
  if (!state.limits) return;
  const now = state.now();
  state.sent = state.sent.filter((one) => one.at > now - 60_000);
  const wait = retryAfterSeconds(state.sent, chat.id, chat.type !== 'private', now, state.limits);
  if (wait !== undefined) throw new BotApiError(429, `Too Many Requests: retry after ${wait}`, wait);
  state.sent.push({ chatId: chat.id, at: now });
}

function bad(description: string): BotApiError {
  return new BotApiError(400, `Bad Request: ${description}`);
}

function notModified(): BotApiError {
  return bad(
    'message is not modified: specified new message content and reply markup are exactly the same as a current content and reply markup of the message',
  );
}

/** Forms carry nested values as JSON text; JSON bodies carry them as they are. */
function fromJson(value: unknown): unknown {
  if (typeof value !== 'string') return value;
  try {
    return JSON.parse(value) as unknown;
  } catch {
    throw bad("can't parse JSON object");
  }
}

function toNumber(value: unknown): number | undefined {
  if (value === undefined || value === null || value === '') return undefined;
  const number = Number(value);
  return Number.isNaN(number) ? undefined : number;
}

function isTrue(value: unknown): boolean {
  return value === true || value === 'true' || value === 'True' || value === 1 || value === '1';
}
