import type { KeptRpc } from '../shared/kept-rpc.ts';

export interface TelegramRpc extends KeptRpc {
  /** Queues a message; repeated with the same key it is one message. Order is kept per chat. */
  send(message: {
    key: string;
    chat: string;
    thread: number | null;
    /** Telegram HTML (https://core.telegram.org/bots/api#html-style). */
    html: string;
    buttons: { text: string; action: string }[];
    at: number;
  }): Promise<void>;
  /** The key under which this message was sent; null: not by us. */
  keyOf(chat: string, messageId: number): Promise<string | null>;
  /** Ends the spinner of a pressed button with a short text. */
  answerCallback(callback: string, text: string): Promise<void>;
  /** Takes the buttons away from the message sent under this key and appends a line. */
  settle(key: string, html: string): Promise<void>;
  /** Takes a text out of what was sent and is kept here; what people received stays with them. */
  redact(text: string): Promise<void>;
  /** Gives a dead message its tries back; false when there is none. */
  retry(key: string): Promise<boolean>;
}
