import type { Env } from '../../workers/env.ts';
import { deliverEvent, tellOfFailure } from '../../workers/routing/deliver.ts';
import type { Delivered } from '../../workers/routing/inbox-event.ts';
import { KeptObject } from '../shared/kept-object.ts';
import type { OutboxItem } from '../shared/outbox.ts';
import type { Failure } from '../shared/outbox-drain.ts';
import { sqlOf } from '../shared/sql.ts';
import { Upkeep } from '../shared/upkeep.ts';
import type { InboxAnswer, InboxRpc } from './inbox-rpc.ts';
import { type InboxAction, type InboxEvent, InboxStore } from './inbox-store.ts';

const TAKE_ON_AFTER_MS = 5_000;

/** One shard of what arrives: committed first, then delivered at once; its alarm catches a crash between. */
export class Inbox extends KeptObject<Delivered> implements InboxRpc {
  readonly #store: InboxStore;
  protected override readonly upkeep: Upkeep<Delivered>;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#store = new InboxStore(sqlOf(ctx.storage), ctx.id.name ?? '', () => this.upkeep.arm());
    this.upkeep = new Upkeep({
      ctx,
      env,
      objectType: 'inbox',
      store: this.#store,
      perform: (item) => this.#deliver(item),
      succeeded: ({ key, tries }, delivered) => this.#store.delivered(key, delivered, tries, Date.now()),
      failed: ({ key }, failure) => this.#failed(key, failure),
      nextTimerAt: () => this.#takeOnAt(),
      onTimers: () => this.#store.takeOn(),
    });
    this.upkeep.revive();
  }

  async accept(event: InboxEvent): Promise<{ status: InboxAnswer }> {
    if (this.upkeep.isRestoring) throw new Error('this instance is being restored; send it again later');
    const status = this.#store.accept(event, this.upkeep.isBusy);
    this.upkeep.start();
    return { status };
  }

  async audit(action: InboxAction): Promise<void> {
    this.upkeep.startAfter(this.#store.audit(action));
  }

  async retry(event: string): Promise<boolean> {
    return this.upkeep.startAfter(this.#store.retry(event, Date.now()));
  }

  async deleteSubject(subject: string, by: string): Promise<{ text: string } | null> {
    this.upkeep.rewriteBackup();
    const text = this.#store.deleteSubject(subject, by, Date.now());
    this.upkeep.start();
    return text === undefined ? null : { text };
  }

  async subjectText(subject: string): Promise<string | null> {
    return this.#store.subjectText(subject);
  }

  async redact(text: string): Promise<void> {
    this.upkeep.rewriteBackup();
    this.upkeep.startAfter(this.#store.redact(text));
  }

  /** What arrived is taken on when a delivery ends; should none end, or all be lost in a crash, then by the alarm. */
  #takeOnAt(): number | null {
    const { arrivedSince } = this.#store;
    return arrivedSince === null ? null : arrivedSince + TAKE_ON_AFTER_MS;
  }

  async #deliver({ key }: OutboxItem): Promise<Delivered> {
    const event = this.#store.get(key);
    if (!event?.payload) return { status: 'ignored', target: null, reason: 'nothing is left to deliver' };
    return deliverEvent(this.env, { id: event.id, payload: event.payload }, Date.now());
  }

  #failed(key: string, failure: Failure): void {
    const event = this.#store.get(key);
    if (this.#store.failed(key, failure) === 'dead' && event?.payload)
      this.ctx.waitUntil(tellOfFailure(this.env, event.id, event.payload, failure.error));
  }
}
