import { DurableObject } from 'cloudflare:workers';
import { derivedId } from '../core/contracts/ids.ts';
import { escapeHtml } from '../core/text/plain.ts';
import { type ChatAddress, type Env, telegramChats } from '../workers/env.ts';
import { GroupQueueStore, type StoredMessage } from './group-queue-store.ts';
import { sha256Bytes } from './journal.ts';
import type { OutboxItem } from './outbox.ts';
import { Upkeep } from './outbox-upkeep.ts';
import type { GroupMessage, GroupQueueRpc } from './rpc.ts';
import { sqlOf } from './sql.ts';
import { incidentStub, telegramStub } from './stubs.ts';

const MAX_CONCURRENT_TURNS = 4;
const MAX_PAGE = 200;

/** What is said to one group, and in which order its agent takes it up. */
export class GroupQueue extends DurableObject<Env> implements GroupQueueRpc {
  readonly #store: GroupQueueStore;
  readonly #upkeep: Upkeep<void>;
  readonly #group: string;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#group = ctx.id.name ?? '';
    this.#store = new GroupQueueStore(sqlOf(ctx.storage), this.#group, MAX_CONCURRENT_TURNS, () =>
      this.#upkeep.arm(),
    );
    this.#upkeep = new Upkeep({
      storage: ctx.storage,
      db: env.DB,
      outbox: this.#store.outbox,
      projections: this.#store.projections,
      perform: (item) => this.#perform(item),
      succeeded: ({ key }) => this.#store.done(key),
      failed: ({ key }, failure) => this.#store.fail(key, failure),
      nextTimerAt: () => null,
      onTimers: () => {},
    });
    void ctx.blockConcurrencyWhile(() => this.#upkeep.revive());
  }

  async enqueue(
    message: GroupMessage & { at: number },
  ): Promise<{ state: 'active' | 'waiting' | 'noted'; position: number }> {
    const answer = this.#store.enqueue(message, this.#chatOf(message.group) !== null);
    this.#upkeep.start();
    return answer;
  }

  async endTurn(message: string, at: number): Promise<void> {
    this.#store.endTurn(message, at);
    this.#upkeep.start();
  }

  async messages(
    after: string | null,
    limit: number,
  ): Promise<{ items: StoredMessage[]; cursor: string | null }> {
    const size = Math.max(1, Math.min(limit, MAX_PAGE));
    const items = this.#store.messages(after === null ? null : Number(after), size);
    return { items, cursor: items.length === size ? String(items.at(-1)?.n) : null };
  }

  async retryEffect(key: string): Promise<boolean> {
    const revived = this.#store.retry(key, Date.now());
    this.#upkeep.start();
    return revived;
  }

  async redact(incident: string, text: string): Promise<void> {
    this.#store.redact(incident, text);
  }

  async poke(): Promise<void> {
    this.#upkeep.wake();
  }

  override async alarm(): Promise<void> {
    this.#upkeep.onAlarm();
  }

  #chatOf(group: string): ChatAddress | null {
    return telegramChats(this.env).get(group) ?? null;
  }

  async #perform({ kind, body }: OutboxItem): Promise<void> {
    const message = this.#store.get(body);
    if (message === null) return;
    if (kind === 'show') await this.#show(message);
    else await this.#grant(message);
  }

  async #show(message: StoredMessage): Promise<void> {
    const chat = this.#chatOf(message.group);
    if (chat === null) return;
    await telegramStub(this.env).send({
      key: message.id,
      ...chat,
      html: `<b>${escapeHtml(message.from)}</b>\n${escapeHtml(message.text)}`,
      buttons: [],
      at: message.at,
    });
  }

  /** A turn that nobody waits for any more ends at once, so that it blocks no one. */
  async #grant(message: StoredMessage): Promise<void> {
    const heard =
      message.incident !== null &&
      (await incidentStub(this.env, message.incident).receive({
        id: derivedId('evt', sha256Bytes(`turn:${message.group}:${message.id}`)),
        key: null,
        at: Date.now(),
        event: { type: 'turn_granted', data: { group: message.group, message: message.id } },
        subjects: {},
      }));
    if (heard === false || heard.status === 'unknown') this.#store.endTurn(message.id, Date.now());
  }
}
