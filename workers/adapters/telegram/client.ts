import { Api, GrammyError, HttpError } from 'grammy';
import type { TelegramSettings } from '../../env.ts';

/** Telegram answers within a second or two; a longer wait is a lost connection. */
const TIMEOUT_SECONDS = 15;

/** The Bot API said no, or could not be reached. Holds neither token nor address. */
export class TelegramError extends Error {
  readonly retryable: boolean;
  readonly retryAfterMs: number | null;
  /** The request may have been carried out although no answer came. */
  readonly ambiguous: boolean;
  /** Telegram could not read the HTML. */
  readonly unreadable: boolean;

  constructor(
    message: string,
    about: { retryable: boolean; retryAfterMs?: number | null; ambiguous?: boolean; unreadable?: boolean },
  ) {
    super(message);
    this.name = 'TelegramError';
    this.retryable = about.retryable;
    this.retryAfterMs = about.retryAfterMs ?? null;
    this.ambiguous = about.ambiguous ?? false;
    this.unreadable = about.unreadable ?? false;
  }
}

export interface OutgoingMessage {
  chat: string;
  thread: number | null;
  text: string;
  format: 'html' | 'plain';
  buttons: { text: string; action: string }[];
}

export interface TelegramClient {
  /** Answers Telegram’s number of the message within its chat. */
  send(message: OutgoingMessage): Promise<number>;
  /** Replaces the text and takes the buttons away. */
  edit(message: { chat: string; messageId: number; html: string }): Promise<void>;
  removeButtons(message: { chat: string; messageId: number }): Promise<void>;
  answerCallback(callback: string, text: string): Promise<void>;
}

export function telegramClient({ apiRoot, token }: TelegramSettings): TelegramClient {
  const api = new Api(token, {
    apiRoot,
    timeoutSeconds: TIMEOUT_SECONDS,
    fetch: (input: RequestInfo | URL, init?: RequestInit) => fetch(input, { ...init, redirect: 'manual' }),
  });
  const calling = async <T>(what: string, work: Promise<T>): Promise<T> => {
    try {
      return await work;
    } catch (error) {
      throw telegramErrorOf(what, error);
    }
  };
  return {
    send: async ({ chat, thread, text, format, buttons }) => {
      const sent = await calling(
        'sendMessage',
        api.sendMessage(chat, text, {
          ...(format === 'html' ? { parse_mode: 'HTML' as const } : {}),
          ...(thread === null ? {} : { message_thread_id: thread }),
          link_preview_options: { is_disabled: true },
          ...(buttons.length === 0
            ? {}
            : {
                reply_markup: {
                  inline_keyboard: [
                    buttons.map((button) => ({ text: button.text, callback_data: button.action })),
                  ],
                },
              }),
        }),
      );
      return sent.message_id;
    },
    edit: async ({ chat, messageId, html }) => {
      await calling(
        'editMessageText',
        api.editMessageText(chat, messageId, html, {
          parse_mode: 'HTML',
          link_preview_options: { is_disabled: true },
        }),
      );
    },
    removeButtons: async ({ chat, messageId }) => {
      await calling('editMessageReplyMarkup', api.editMessageReplyMarkup(chat, messageId));
    },
    answerCallback: async (callback, text) => {
      await calling('answerCallbackQuery', api.answerCallbackQuery(callback, { text: text.slice(0, 200) }));
    },
  };
}

export function telegramErrorOf(what: string, error: unknown): TelegramError {
  // What answers without a code of the Bot API is something on the way: it may have passed the request on.
  if (error instanceof GrammyError && typeof error.error_code === 'number') {
    const { error_code: code, description, parameters } = error;
    return new TelegramError(`${what}: ${code} ${description}`, {
      retryable: code === 429 || code >= 500,
      retryAfterMs: parameters.retry_after === undefined ? null : parameters.retry_after * 1_000,
      ambiguous: code >= 500,
      unreadable: code === 400 && /can't parse entities/i.test(description),
    });
  }
  // The causes of HttpError name the address, and the address holds the token.
  const kind = error instanceof HttpError ? 'no answer' : 'failed';
  return new TelegramError(`${what}: ${kind}`, { retryable: true, ambiguous: true });
}
