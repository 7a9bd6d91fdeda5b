import { DurableObject } from 'cloudflare:workers';
import { escapeHtml } from '../../core/text/plain.ts';
import {
  type TelegramClient,
  TelegramError,
  telegramClient,
} from '../../workers/adapters/telegram/client.ts';
import { plainOfHtml, sizeOfHtml } from '../../workers/adapters/telegram/split-html.ts';
import { type Env, telegramSettings } from '../../workers/env.ts';
import { Alarm } from '../shared/alarm.ts';
import { type BackupAnswer, type BackupOrder, ObjectBackup } from '../shared/backup.ts';
import { failureOf } from '../shared/outbox-drain.ts';
import { ProjectionFlush } from '../shared/projection-flush.ts';
import { MIN_REDACTED_CHARS } from '../shared/redact.ts';
import { sqlOf } from '../shared/sql.ts';
import type { TelegramRpc } from './telegram-rpc.ts';
import { type Message, type Post, TelegramStore } from './telegram-store.ts';

/** Chats served at once; one that hangs holds up no other. */
const MAX_IN_FLIGHT = 4;
/** What is due has been started in memory; the alarm catches a crash. */
const SAFETY_MS = 20_000;
const ALARM_RETRY_MS = 60_000;
const MAX_MESSAGE = 4_096;
const REPEATED = '\n<i>(sent again: the first may have arrived too)</i>';

/** The one sender of the bot: in order per chat, within Telegram’s limits, each message until sent or dead. */
export class Telegram extends DurableObject<Env> implements TelegramRpc {
  readonly #store: TelegramStore;
  readonly #flush: ProjectionFlush;
  readonly #alarm: Alarm;
  readonly #backup: ObjectBackup;
  readonly #inFlight = new Set<string>();

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#alarm = new Alarm(ctx.storage);
    this.#store = new TelegramStore(sqlOf(ctx.storage), () => this.#arm());
    this.#flush = new ProjectionFlush({
      db: env.DB,
      queue: this.#store.projections,
      now: Date.now,
      random: Math.random,
      changed: () => this.#arm(),
    });
    this.#backup = new ObjectBackup({ ctx, bucket: env.ARTIFACTS, objectType: 'telegram' }, () =>
      this.#arm(),
    );
    this.#store.doubtInterrupted();
    this.#arm();
  }

  async send(message: Message): Promise<void> {
    this.#store.send(message);
    this.#start();
  }

  async keyOf(chat: string, messageId: number): Promise<string | null> {
    return this.#store.keyOf(chat, messageId);
  }

  async answerCallback(callback: string, text: string): Promise<void> {
    this.#store.answerCallback(callback, text, Date.now());
    this.#start();
  }

  async settle(key: string, html: string): Promise<void> {
    this.#store.settle(key, html, Date.now());
    this.#start();
  }

  async retry(key: string): Promise<boolean> {
    const revived = this.#store.retry(key, Date.now());
    this.#start();
    return revived;
  }

  async redact(text: string): Promise<void> {
    if (text.length >= MIN_REDACTED_CHARS) {
      this.#backup.rewrite();
      this.#store.redact(escapeHtml(text));
    }
    this.#arm();
  }

  async poke(): Promise<void> {
    this.#start();
    this.#arm();
  }

  async backup(order: BackupOrder): Promise<BackupAnswer> {
    const answer = await this.#backup.obey(order);
    this.#start();
    this.#arm();
    return answer;
  }

  override async alarm(): Promise<void> {
    this.#alarm.fired();
    try {
      this.#start();
      this.#arm();
    } catch (error) {
      console.error('telegram alarm', error);
      this.#alarm.set(Date.now() + ALARM_RETRY_MS);
    }
  }

  #start(): void {
    if (this.#backup.isPaused) return;
    const nowMs = Date.now();
    for (const { post, at } of this.#store.heads()) {
      if (this.#inFlight.size >= MAX_IN_FLIGHT) break;
      if (at > nowMs || this.#inFlight.has(post.lane)) continue;
      this.#store.begin(post, nowMs);
      this.#inFlight.add(post.lane);
      this.ctx.waitUntil(this.#perform(post));
    }
    this.#flush.kick();
    this.#backup.kick();
  }

  #arm(): void {
    if (this.#backup.isPaused) return;
    const nowMs = Date.now();
    const due = this.#store
      .heads()
      .map(({ post, at }) => (this.#inFlight.has(post.lane) ? nowMs + SAFETY_MS : at));
    for (const at of [this.#flush.nextAt(), this.#backup.nextAt()])
      if (at !== null) due.push(at <= nowMs ? nowMs + SAFETY_MS : at);
    this.#alarm.set(due.length === 0 ? null : Math.max(nowMs, Math.min(...due)));
  }

  async #perform(post: Post): Promise<void> {
    try {
      const messageId = await this.#call(telegramClient(telegramSettings(this.env)), post);
      this.#store.sent(post, messageId, Date.now());
    } catch (error) {
      const doubtful = error instanceof TelegramError && error.ambiguous && post.kind === 'send';
      this.#store.failed(post, { ...failureOf(error, Date.now(), Math.random()), doubtful });
    } finally {
      this.#inFlight.delete(post.lane);
      this.#start();
      this.#arm();
    }
  }

  async #call(client: TelegramClient, post: Post): Promise<number | null> {
    if (post.kind === 'send') return send(client, post);
    if (post.kind === 'settle') return this.#settle(client, post);
    // A query that is too old to be answered is answered well enough.
    await client.answerCallback(post.target ?? '', post.html).catch((error: unknown) => {
      if (!(error instanceof TelegramError) || error.retryable) throw error;
    });
    return null;
  }

  async #settle(client: TelegramClient, post: Post): Promise<number | null> {
    const message = this.#store.lastPart(post.target ?? '');
    if (message?.messageId === null || message?.messageId === undefined) return null;
    const { chat, messageId } = message;
    const html = `${message.html}\n\n${post.html}`;
    try {
      if (sizeOfHtml(html) <= MAX_MESSAGE) {
        await client.edit({ chat, messageId, html });
        this.#store.edited(message, html);
      } else await client.removeButtons({ chat, messageId });
    } catch (error) {
      if (!(error instanceof TelegramError) || !/message is not modified/i.test(error.message)) throw error;
    }
    return messageId;
  }
}

async function send(client: TelegramClient, post: Post): Promise<number> {
  const { chat, thread, buttons } = post;
  const html = post.doubtful ? post.html + REPEATED : post.html;
  try {
    return await client.send({ chat, thread, buttons, text: html, format: 'html' });
  } catch (error) {
    if (!(error instanceof TelegramError) || !error.unreadable) throw error;
    return client.send({ chat, thread, buttons, text: plainOfHtml(html), format: 'plain' });
  }
}
