/**
 * A stand-in for Telegram's Bot API at `/bot<token>/<method>`, with people to speak and press buttons.
 * Nothing is imitated of media, inline mode or payments.
 */
import type { RequestLogEntry } from '../shared/request-log.ts';
import { jsonReply, startTwinServer, type TwinReply, type TwinRequest } from '../shared/twin-server.ts';
import { BotApiError, type BotState, methods, nextMessageId, type Params } from './bot-api.ts';
import {
  type Chat,
  type Message,
  messageJson,
  type SeenMessage,
  seenMessage,
  typedEntities,
  type User,
  userJson,
} from './chats.ts';
import { type RateLimits, telegramLimits } from './rate-limits.ts';
import { createUpdates } from './webhook.ts';

export type { SeenMessage } from './chats.ts';
export { type RateLimits, telegramLimits } from './rate-limits.ts';

export type NewChat = {
  id: number;
  type?: 'private' | 'group' | 'supergroup';
  title?: string;
  firstName?: string;
  isForum?: boolean;
  /** Topics by id. */
  topics?: Record<number, string>;
};

export type TelegramTwinOptions = {
  token: string;
  botName?: string;
  botUsername?: string;
  host?: string;
  port?: number;
  chats?: readonly NewChat[];
  webhook?: { url: string; secret?: string };
  /** `false` switches them off. Absent: Telegram's, with a burst of five per chat. */
  limits?: Partial<RateLimits> | false;
  /** First wait before a failed webhook delivery is repeated; it doubles up to a minute. */
  webhookRetryMs?: number;
  firstUpdateId?: number;
};

export type Saying = { chatId: number; threadId?: number; from: User; text: string; replyTo?: number };

export type Press = {
  chatId: number;
  /** Absent: the newest message of the chat with buttons. */
  messageId?: number | 'last';
  /** The button's text or its data; either whole, or the text's beginning. */
  button: string;
  from: User;
};

export type PressOutcome =
  | { ok: true; callbackQueryId: string; messageId: number; data: string }
  | { ok: false; code: 'no_message' | 'no_button'; message: string };

export type TelegramTwin = {
  /** The API root, as `TELEGRAM_API_ROOT` means it. */
  url: string;
  addChat(chat: NewChat): void;
  /** A person writes; answers the message's id. An unknown private chat is made. */
  say(saying: Saying): number;
  press(press: Press): PressOutcome;
  messages(chatId?: number): SeenMessage[];
  /** Texts shown to people who pressed a button. */
  callbackAnswers(): readonly { id: string; text?: string; showAlert: boolean; at: number }[];
  setWebhook(url: string, secret?: string): void;
  requests(): readonly RequestLogEntry[];
  /** Resolves when the webhook has taken every update. */
  idle(): Promise<void>;
  close(): Promise<void>;
};

export async function createTelegramTwin(options: TelegramTwinOptions): Promise<TelegramTwin> {
  const state = initialState(options);
  const handle = (request: TwinRequest): Promise<TwinReply> => answer(state, options.token, request);
  const server = await startTwinServer({
    handle,
    errorReply: (status, message, retryAfter) =>
      refusal(status, faultText(status, message, retryAfter), retryAfter),
    redactPath: (path) => path.replace(/^\/bot[^/]+/, '/bot<token>'),
    ...(options.port === undefined ? {} : { port: options.port }),
    ...(options.host === undefined ? {} : { host: options.host }),
  });
  const twin: TelegramTwin = {
    url: server.url,
    addChat: (chat) => addChat(state, chat),
    say: (saying) => say(state, saying),
    press: (press) => pressButton(state, press),
    messages: (chatId) => seen(state, chatId),
    callbackAnswers: () => state.answeredCallbacks,
    setWebhook: (url, secret) =>
      state.updates.setWebhook({
        url,
        maxConnections: 40,
        ...(secret === undefined ? {} : { secretToken: secret }),
      }),
    requests: () => server.log.entries(),
    idle: () => state.updates.idle(),
    async close() {
      await state.updates.close();
      await server.close();
    },
  };
  if (options.webhook) twin.setWebhook(options.webhook.url, options.webhook.secret);
  return twin;
}

function initialState(options: TelegramTwinOptions): BotState {
  const botId = Number(options.token.split(':')[0]);
  const state: BotState = {
    bot: {
      id: Number.isInteger(botId) && botId > 0 ? botId : 7_000_000_001,
      is_bot: true,
      first_name: options.botName ?? 'Dogwatch',
      username: options.botUsername ?? 'dogwatch_bot',
    },
    chats: new Map(),
    messages: [],
    callbacks: new Map(),
    answeredCallbacks: [],
    commands: [],
    sent: [],
    limits: options.limits === false ? undefined : { ...telegramLimits, ...options.limits },
    updates: createUpdates({
      firstUpdateId: options.firstUpdateId ?? 100_001,
      retryBaseMs: options.webhookRetryMs ?? 1000,
    }),
    now: Date.now,
  };
  for (const chat of options.chats ?? []) addChat(state, chat);
  return state;
}

async function answer(state: BotState, token: string, request: TwinRequest): Promise<TwinReply> {
  if (request.path.startsWith('/__twin/')) return control(state, request);
  const match = /^\/bot([^/]+)\/([A-Za-z]+)$/.exec(decodeURIComponent(request.path));
  if (!match) return refusal(404, 'Not Found');
  if (match[1] !== token) return refusal(401, 'Unauthorized');
  const method = methods[(match[2] ?? '').toLowerCase()];
  if (!method) return refusal(404, 'Not Found');
  const params = await readParams(request);
  request.notes.method = match[2];
  if (params.chat_id !== undefined) request.notes.chatId = Number(params.chat_id);
  try {
    return jsonReply(200, { ok: true, result: method(state, params) });
  } catch (error) {
    if (!(error instanceof BotApiError)) throw error;
    request.notes.description = error.message;
    return refusal(error.code, error.message, error.retryAfterSeconds);
  }
}

/** Parameters come in the query, as a form, or as JSON. */
async function readParams(request: TwinRequest): Promise<Params> {
  const params: Params = Object.fromEntries(request.url.searchParams);
  const type = String(request.headers['content-type'] ?? '');
  if (type.includes('application/x-www-form-urlencoded')) {
    return { ...params, ...Object.fromEntries(new URLSearchParams(await request.text())) };
  }
  if (type.includes('multipart/form-data')) {
    const form = await new Response(new Uint8Array(await request.body()), {
      headers: { 'content-type': type },
    }).formData();
    return { ...params, ...Object.fromEntries(form) };
  }
  return { ...params, ...((await request.json()) as Params | undefined) };
}

function refusal(code: number, description: string, retryAfter?: number): TwinReply {
  return jsonReply(code, {
    ok: false,
    error_code: code,
    description,
    ...(retryAfter === undefined ? {} : { parameters: { retry_after: retryAfter } }),
  });
}

function faultText(status: number, message: string, retryAfter: number | undefined): string {
  if (status === 429) return `Too Many Requests: retry after ${retryAfter ?? 1}`;
  if (status === 502) return 'Bad Gateway';
  return status >= 500 ? 'Internal Server Error' : `Bad Request: ${message}`;
}

function addChat(state: BotState, wanted: NewChat): void {
  const type = wanted.type ?? (wanted.id > 0 ? 'private' : 'supergroup');
  state.chats.set(wanted.id, {
    id: wanted.id,
    type,
    isForum: wanted.isForum ?? false,
    topics: new Map(Object.entries(wanted.topics ?? {}).map(([id, name]) => [Number(id), name])),
    ...(wanted.title === undefined ? {} : { title: wanted.title }),
    ...(wanted.firstName === undefined ? {} : { firstName: wanted.firstName }),
  });
}

function say(state: BotState, saying: Saying): number {
  if (!state.chats.has(saying.chatId)) {
    addChat(state, { id: saying.chatId, firstName: saying.from.first_name });
  }
  const chat = state.chats.get(saying.chatId) as Chat;
  const replyTo = state.messages.find((one) => one.chat === chat && one.messageId === saying.replyTo);
  const message: Message = {
    messageId: nextMessageId(state, chat),
    chat,
    ...(saying.threadId === undefined ? {} : { threadId: saying.threadId }),
    from: saying.from,
    at: state.now(),
    text: saying.text,
    entities: typedEntities(saying.text),
    buttons: [],
    ...(replyTo ? { replyTo } : {}),
    history: [],
  };
  state.messages.push(message);
  state.updates.add({ message: messageJson(message) });
  return message.messageId;
}

function pressButton(state: BotState, press: Press): PressOutcome {
  const inChat = state.messages.filter((one) => one.chat.id === press.chatId && one.buttons.length > 0);
  const message =
    press.messageId === undefined || press.messageId === 'last'
      ? (inChat.findLast((one) => findButton(one, press.button) !== undefined) ?? inChat.at(-1))
      : inChat.find((one) => one.messageId === press.messageId);
  if (!message) return { ok: false, code: 'no_message', message: 'no message with buttons there' };
  const data = findButton(message, press.button);
  if (data === undefined) {
    const shown = message.buttons.flat().map((button) => button.text);
    return { ok: false, code: 'no_button', message: `the buttons there are: ${shown.join(', ')}` };
  }
  const id = String(
    BigInt(message.chat.id < 0 ? -message.chat.id : message.chat.id) * 1_000_000n +
      BigInt(state.answeredCallbacks.length + state.callbacks.size + 1),
  );
  state.callbacks.set(id, state.now());
  state.updates.add({
    callback_query: {
      id,
      from: userJson(press.from),
      message: messageJson(message),
      chat_instance: String(message.chat.id * 31),
      data,
    },
  });
  return { ok: true, callbackQueryId: id, messageId: message.messageId, data };
}

function findButton(message: Message, wanted: string): string | undefined {
  const buttons = message.buttons.flat().filter((button) => button.callback_data !== undefined);
  const found =
    buttons.find((button) => button.callback_data === wanted || button.text === wanted) ??
    buttons.find((button) => button.text.toLowerCase().includes(wanted.toLowerCase()));
  return found?.callback_data;
}

function seen(state: BotState, chatId: number | undefined): SeenMessage[] {
  return state.messages
    .filter((message) => chatId === undefined || message.chat.id === chatId)
    .map(seenMessage);
}

async function control(state: BotState, request: TwinRequest): Promise<TwinReply> {
  switch (`${request.method} ${request.path}`) {
    case 'GET /__twin/messages': {
      const chatId = request.url.searchParams.get('chatId');
      return jsonReply(200, seen(state, chatId === null ? undefined : Number(chatId)));
    }
    case 'POST /__twin/chats': {
      addChat(state, (await request.json()) as NewChat);
      return jsonReply(201, { ok: true });
    }
    case 'POST /__twin/say':
      return jsonReply(201, { messageId: say(state, (await request.json()) as Saying) });
    case 'POST /__twin/press': {
      const outcome = pressButton(state, (await request.json()) as Press);
      return jsonReply(outcome.ok ? 201 : 404, outcome);
    }
    case 'GET /__twin/callbacks':
      return jsonReply(200, state.answeredCallbacks);
    default:
      return jsonReply(404, { error: 'no such door' });
  }
}
