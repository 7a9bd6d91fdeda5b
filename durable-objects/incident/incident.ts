import type { Effect } from '../../core/loops/effects.ts';
import { type LoopEvent, loopOfKey } from '../../core/loops/index.ts';
import type { Timer } from '../../core/loops/loop.ts';
import type { Env } from '../../workers/env.ts';
import type { Redecision } from '../shared/journal-redecide.ts';
import { KeptObject } from '../shared/kept-object.ts';
import { EFFECT_TIMEOUT_MS } from '../shared/outbox-drain.ts';
import { sqlOf } from '../shared/sql.ts';
import { Upkeep } from '../shared/upkeep.ts';
import { runPoolStub } from '../stubs.ts';
import { type Outcome, performEffect, resolveText } from './incident-effects.ts';
import { type AnyIncidentStore, openIncidentStore } from './incident-loops.ts';
import type { IncidentRpc, IncidentView } from './incident-rpc.ts';

/** Timers fired in one alarm: a loop has two at most, and each may set the next. */
const TIMERS_PER_ALARM = 10;
const ASK_AGAIN_MS = 30_000;
/** A log is fetched whole, however long: its transfer alone may take two minutes. */
const EVIDENCE_TIMEOUT_MS = 180_000;

/** One incident key: wiring of its store, its outbox and its one alarm. What to do is the loop's to decide. */
export class Incident extends KeptObject<Outcome> implements IncidentRpc {
  #store: AnyIncidentStore;
  protected override readonly upkeep: Upkeep<Outcome>;
  /** Of timers that wait to hear whether everything was stopped. */
  readonly #askedAt = new Map<string, number>();

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#store = this.#open('');
    if (this.#store.exists) this.#store = this.#open(this.#store.key);
    this.upkeep = new Upkeep({
      ctx,
      env,
      objectType: 'incident',
      store: this.#store,
      perform: (item) =>
        performEffect(env, JSON.parse(item.body) as Effect, {
          incident: this.#store.incident,
          episode: this.#store.episode(),
          subject: (id) => this.#store.subjects.text(id),
        }),
      timeoutMs: ({ kind }) => (kind === 'collect_evidence' ? EVIDENCE_TIMEOUT_MS : EFFECT_TIMEOUT_MS),
      succeeded: ({ key }, outcome) => this.#settle(key, outcome),
      failed: ({ key, kind }, failure) =>
        this.#store.fail(key, failure, { type: 'effect_failed', data: { key, kind, error: failure.error } }),
      nextTimerAt: () => this.#nextTimerAt(),
      onTimers: (nowMs) => this.#fireTimers(nowMs),
    });
    this.upkeep.revive();
  }

  async receive(
    received: Parameters<IncidentRpc['receive']>[0],
  ): Promise<{ status: 'applied' | 'duplicate' | 'unknown' }> {
    if (received.key !== null && !this.#store.exists) this.#store = this.#open(received.key);
    const status = this.#store.receive(received);
    this.upkeep.start();
    return { status };
  }

  async status(): Promise<string | null> {
    return this.#store.exists ? this.#store.status() : null;
  }

  async view(): Promise<IncidentView | null> {
    if (!this.#store.exists) return null;
    return {
      id: this.#store.incident,
      key: this.#store.key,
      status: this.#store.status(),
      episode: this.#store.episode(),
      state: this.#store.state,
      journal: this.#store.journal
        .lines()
        .map((line) => ({ ...line, data: JSON.parse(line.data) as unknown })),
      outbox: this.#store.outbox.items().map(({ key, kind, state, tries, nextAt, error }) => ({
        key,
        kind,
        state,
        tries,
        nextAt: state === 'pending' ? nextAt : null,
        error,
      })),
    };
  }

  async replay(): Promise<{ identical: boolean; entries: number; sha256: string }> {
    return this.#store.replay();
  }

  async redecide(): Promise<Redecision | null> {
    return this.#store.exists ? this.#store.redecide() : null;
  }

  async dryRun(
    event: LoopEvent,
    at: number,
  ): Promise<{ facts: { type: string; data: unknown }[]; effects: Effect[] }> {
    return this.#store.decide(event, at);
  }

  async retryEffect(key: string): Promise<boolean> {
    return this.upkeep.startAfter(this.#store.retry(key, 'operator'));
  }

  async resolveText(text: string): Promise<string> {
    return resolveText(this.env, text, (id) => this.#store.subjects.text(id));
  }

  async subjectText(subject: string): Promise<string | null> {
    return this.#store.subjects.text(subject) ?? null;
  }

  async redact(text: string, by: string): Promise<void> {
    if (!this.#store.exists) return;
    this.upkeep.rewriteBackup();
    this.upkeep.startAfter(this.#store.redact(text, by));
  }

  async deleteSubject(subject: string, by: string): Promise<{ text: string } | null> {
    this.upkeep.rewriteBackup();
    const text = this.#store.deleteSubject(subject, by);
    this.upkeep.start();
    return text === undefined ? null : { text };
  }

  /** The loop follows from the key; until there is one any will do, for it holds nothing. */
  #open(key: string): AnyIncidentStore {
    return openIncidentStore(sqlOf(this.ctx.storage), this.ctx.id.name ?? null, loopOfKey(key), {
      now: Date.now,
      changed: () => this.upkeep.arm(),
    });
  }

  #fireTimers(nowMs: number): void {
    const due = this.#store.timers().filter((timer) => this.#lookAt(timer) <= nowMs);
    for (const timer of due.slice(0, TIMERS_PER_ALARM))
      if (this.#store.isAgentTimer(timer)) this.#fireAfterAsking(timer, nowMs);
      else this.#fire(timer, {});
  }

  #nextTimerAt(): number | null {
    const times = this.#store.timers().map((timer) => this.#lookAt(timer));
    return times.length > 0 ? Math.min(...times) : null;
  }

  /** When a timer is to be looked at: when it is due, or when no answer came. */
  #lookAt(timer: Timer): number {
    const askedAt = this.#askedAt.get(this.#store.timerEventId(timer));
    return askedAt === undefined ? timer.dueAt : Math.max(timer.dueAt, askedAt + ASK_AGAIN_MS);
  }

  /** Nobody waits for the answer; without one it is asked for again. */
  #fireAfterAsking(timer: Timer, nowMs: number): void {
    this.#askedAt.set(this.#store.timerEventId(timer), nowMs);
    void runPoolStub(this.env)
      .stoppedMs(this.#store.timerSetAt(timer))
      .then((stoppedMs) => {
        this.#fire(timer, stoppedMs > 0 ? { stoppedMs } : {});
        this.upkeep.start();
      })
      .catch((error) => console.error('timer', String(error)));
  }

  #fire(timer: Timer, stopped: { stoppedMs?: number }): void {
    this.#store.receive({
      id: this.#store.timerEventId(timer),
      key: null,
      event: { type: 'timer_fired', data: { ...timer, ...stopped } },
      subjects: {},
    });
  }

  #settle(key: string, { event, subjects }: Outcome): void {
    if (event === null) this.#store.settle(key);
    else this.#store.receive({ id: this.#store.eventId(`outcome:${key}`), key: null, event, subjects }, key);
  }
}
