import type { Env } from '../../workers/env.ts';
import { memberOf } from '../run/run-request.ts';
import { KeptObject } from '../shared/kept-object.ts';
import { sqlOf } from '../shared/sql.ts';
import { Upkeep } from '../shared/upkeep.ts';
import { chatOf, isSamePlace, performQueueEffect } from './group-queue-effects.ts';
import type { MessageState, StoredMessage } from './group-queue-rows.ts';
import type {
  CancelAnswer,
  DispatchAnswerMessage,
  FoundMessage,
  GroupMessage,
  GroupQueueRpc,
  PersonMessage,
  Readers,
} from './group-queue-rpc.ts';
import { type EffectOutcome, GroupQueueStore } from './group-queue-store.ts';

/** Of a group that the crew does not know (any more). */
const DEFAULT_CONCURRENT_TURNS = 4;
const MAX_PAGE = 200;

/** What is said to one group, in which order its agent takes it up, and what reaches a session that is going on. */
export class GroupQueue extends KeptObject<EffectOutcome> implements GroupQueueRpc {
  readonly #store: GroupQueueStore;
  protected override readonly upkeep: Upkeep<EffectOutcome>;
  readonly #group: string;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#group = ctx.id.name ?? '';
    const turns = memberOf(this.#group)?.agent.limits.maxConcurrentRuns ?? DEFAULT_CONCURRENT_TURNS;
    this.#store = new GroupQueueStore(sqlOf(ctx.storage), this.#group, turns, () => this.upkeep.arm());
    this.upkeep = new Upkeep({
      ctx,
      env,
      objectType: 'group_queue',
      store: this.#store,
      perform: (item) => performQueueEffect(env, this.#group, item, this.#store),
      succeeded: (item, outcome) => this.#store.succeeded(item, outcome, Date.now()),
      failed: (item, failure) => this.#store.fail(item, failure),
      nextTimerAt: () => this.#store.nextLookAt(),
      onTimers: (nowMs) => this.#store.look(nowMs),
    });
    this.upkeep.revive();
  }

  async enqueue(
    message: GroupMessage & { at: number },
  ): Promise<{ state: 'active' | 'waiting' | 'noted'; position: number }> {
    return this.upkeep.startAfter(
      this.#store.enqueue(message, chatOf(this.env, this.#group) !== null, Date.now()),
    );
  }

  async say(message: PersonMessage): Promise<{ state: MessageState; position: number }> {
    const chat = chatOf(this.env, this.#group);
    const show = chat !== null && !isSamePlace(chat, message.reply);
    return this.upkeep.startAfter(this.#store.say(message, show, Date.now()));
  }

  async answer(answer: DispatchAnswerMessage): Promise<MessageState> {
    return this.upkeep.startAfter(
      this.#store.answer(answer, chatOf(this.env, this.#group) !== null, Date.now()),
    );
  }

  async endTurn(...ended: Parameters<GroupQueueStore['endTurn']>): Promise<void> {
    this.upkeep.startAfter(this.#store.endTurn(...ended));
  }

  async runBegins(incident: string, run: string, at: number): Promise<void> {
    this.upkeep.startAfter(this.#store.runBegins(incident, run, at));
  }

  async waitsForSlot(run: string, position: number, at: number): Promise<void> {
    this.upkeep.startAfter(this.#store.waitsForSlot(run, position, at));
  }

  async seen(message: string, run: string, at: number): Promise<void> {
    this.upkeep.startAfter(this.#store.seen(message, run, at));
  }

  async cancel(message: string, by: string, at: number): Promise<CancelAnswer> {
    return this.upkeep.startAfter(this.#store.cancel(message, by, at));
  }

  async cancelNewest(command: string, thread: string, by: string, at: number): Promise<CancelAnswer> {
    return this.upkeep.startAfter(this.#store.cancelNewest(command, thread, by, at));
  }

  async messages(
    after: string | null,
    limit: number,
  ): Promise<{ items: StoredMessage[]; cursor: string | null }> {
    const size = Math.max(1, Math.min(limit, MAX_PAGE));
    const items = this.#store.messages(after === null ? null : Number(after), size);
    return { items, cursor: items.length === size ? String(items.at(-1)?.n) : null };
  }

  async counts(): Promise<{ waiting: number; active: number; parked: number; maxConcurrent: number }> {
    return this.#store.counts();
  }

  async retryEffect(key: string): Promise<boolean> {
    return this.upkeep.startAfter(this.#store.retry(key, Date.now()));
  }

  async find(id: string): Promise<FoundMessage | null> {
    return this.#store.find(id);
  }

  async readersOf(text: string): Promise<Readers> {
    return this.#store.readersOf(text);
  }

  async redact(text: string, incident: string | null): Promise<void> {
    this.upkeep.rewriteBackup();
    this.upkeep.startAfter(this.#store.redact(text, incident));
  }

  async blank(id: string): Promise<void> {
    this.upkeep.rewriteBackup();
    this.upkeep.startAfter(this.#store.blank(id));
  }
}
