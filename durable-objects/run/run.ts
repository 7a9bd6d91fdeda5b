import type { Intent } from '../../core/contracts/intents.ts';
import type { RunnerEvent } from '../../core/contracts/run.ts';
import type { RunSpec } from '../../core/loops/effects.ts';
import type { SessionMessage } from '../../core/text/session-message.ts';
import { runnerClient } from '../../workers/adapters/runner.ts';
import { artifactHolds, deleteArtifact } from '../../workers/artifacts.ts';
import { type Env, runnerUrls, SettingError } from '../../workers/env.ts';
import { KeptObject } from '../shared/kept-object.ts';
import { formsOf } from '../shared/redact.ts';
import { sqlOf } from '../shared/sql.ts';
import { Upkeep } from '../shared/upkeep.ts';
import { performRunEffect } from './run-effects.ts';
import { LightSession } from './run-light-session.ts';
import { holdsLease, type RunEnd, type RunRecord } from './run-record.ts';
import type { RedactionOrder } from './run-redaction.ts';
import { budgetMicroUsd, memberOf, requireMember } from './run-request.ts';
import type { RunRpc, SteerAnswer } from './run-rpc.ts';
import type { Lease } from './run-sessions.ts';
import { RunStore } from './run-store.ts';

/** A light run is looked after this often; one whose isolate died is begun again then. */
const LIGHT_WATCH_MS = 30_000;
/** It may be lost with its isolate, in deploys one after the other; one that takes its isolate down ends here. */
const MAX_LIGHT_TRIES = 6;
/** Whoever stops everything waits for the answer: ten seconds at most, all in all. */
const HALT_TIMEOUT_MS = 5_000;
const STOPPED = 'everything was stopped by the operator';

/** One agent session: light in this object, heavy on a runner. */
export class Run extends KeptObject implements RunRpc {
  readonly #store: RunStore;
  protected override readonly upkeep: Upkeep<void>;
  readonly #light: LightSession;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#store = new RunStore(sqlOf(ctx.storage), () => this.upkeep.arm());
    this.upkeep = new Upkeep({
      ctx,
      env,
      objectType: 'run',
      store: this.#store,
      perform: (item) =>
        performRunEffect({ env, store: this.#store, onLease: (lease) => this.#onLease(lease) }, item),
      succeeded: ({ key }) => this.#store.done(key),
      failed: ({ key, kind }, failure) => {
        const isDead = this.#store.fail(key, failure);
        // A runner that could not be reached may have begun it all the same: the lease has to run out first.
        const mayRun = kind === 'start' && failure.retryable;
        if (isDead && (kind === 'lease' || kind === 'start') && !mayRun)
          this.#end({ ok: false, reason: 'start_failed', detail: failure.error }, true);
      },
      nextTimerAt: () => this.#nextTimerAt(),
      onTimers: (nowMs) => this.#onTimers(nowMs),
    });
    this.#light = new LightSession({ env, store: this.#store, upkeep: this.upkeep });
    this.upkeep.revive();
  }

  async start(spec: RunSpec, rerun: RunRecord['rerun'] = null): Promise<void> {
    const member = memberOf(spec.group);
    const budget =
      member === null
        ? null
        : Math.min(budgetMicroUsd(member.agent), spec.budgetMicroUsd ?? Number.POSITIVE_INFINITY);
    if (this.#store.create(spec, member?.model ?? '', Date.now(), budget, rerun)) {
      if (member === null)
        this.#end({ ok: false, reason: 'start_failed', detail: `the crew has no ${spec.group}` }, false);
      else if (spec.kind === 'heavy') this.#refuseWithoutRunner();
    }
    this.upkeep.start();
  }

  async granted(lease: Lease): Promise<void> {
    this.#onLease(lease);
    this.upkeep.start();
  }

  async receive(events: RunnerEvent[], runner: string): Promise<{ acknowledged: number; refused: boolean }> {
    const own = events.filter(({ fence }) => this.#store.wasLeasedTo(runner, fence));
    const acknowledged = this.#store.receive(own, Date.now());
    this.upkeep.start();
    const last = events.at(-1);
    const isLastOwn = last === undefined || own.includes(last);
    return { acknowledged: isLastOwn ? acknowledged : last.seq, refused: own.length < events.length };
  }

  async steer(message: SessionMessage): Promise<SteerAnswer> {
    return this.upkeep.startAfter(this.#store.steer(message, Date.now()));
  }

  async cancel(reason: string): Promise<void> {
    this.#light.abort();
    this.#end({ ok: false, reason: 'canceled', detail: reason }, true);
    this.upkeep.start();
  }

  async halt(fence: number): Promise<'ended' | 'unreachable' | 'not_running'> {
    const { record } = this.#store;
    if (record === null || record.fence !== fence || !holdsLease(record)) return 'not_running';
    if (record.spec.kind === 'light') {
      this.#light.drop();
      this.#store.stopped(Date.now());
      this.upkeep.start();
      return 'ended';
    }
    const isAsked = this.#store.halt(Date.now()) === 'asked';
    this.upkeep.start();
    if (!isAsked || record.runner === null) return 'not_running';
    const { run } = record.spec;
    try {
      const client = runnerClient(this.env);
      const isKnown = await client.cancelRun(record.runner, run, fence, STOPPED, HALT_TIMEOUT_MS);
      return isKnown ? 'ended' : 'not_running';
    } catch (error) {
      console.error('halt', run, String(error));
      return 'unreachable';
    }
  }

  async endForBudget(detail: string): Promise<void> {
    const { record } = this.#store;
    if (record === null || !holdsLease(record)) return;
    this.#light.abort();
    this.#end({ ok: false, reason: 'budget', detail }, true);
    this.upkeep.start();
  }

  async isGoingOn(): Promise<boolean> {
    const { record } = this.#store;
    return record !== null && holdsLease(record);
  }

  async redact(order: RedactionOrder): Promise<'done' | 'going_on'> {
    if (await this.isGoingOn()) return 'going_on';
    const needles = [...order.texts.flatMap(formsOf), ...order.messages];
    const deleted: string[] = [];
    for (const sha256 of this.#store.ledger.transcripts())
      if (await artifactHolds(this.env.ARTIFACTS, sha256, needles)) {
        await deleteArtifact(this.env.ARTIFACTS, sha256);
        deleted.push(sha256);
      }
    this.upkeep.rewriteBackup();
    this.upkeep.startAfter(this.#store.redact(order, deleted, Date.now()));
    return 'done';
  }

  async view(): Promise<unknown> {
    const { record } = this.#store;
    if (record === null) return null;
    const { ledger, messages } = this.#store;
    return { ...record, events: ledger.events(), intents: ledger.intents(), messages: messages.all() };
  }

  async intent(id: string): Promise<Intent | null> {
    return this.#store.intent(id);
  }

  async runner(): Promise<string | null> {
    return this.#store.record?.runner ?? null;
  }

  async runners(): Promise<string[]> {
    return this.#store.runners();
  }

  async lend(runner: string): Promise<void> {
    this.#store.lend(runner);
  }

  async incident(): Promise<string | null> {
    return this.#store.record?.spec.incident ?? null;
  }

  async mayRead(sha256: string): Promise<boolean> {
    return this.#store.mayRead(sha256);
  }

  async retryEffect(key: string): Promise<boolean> {
    return this.upkeep.startAfter(this.#store.retry(key, Date.now()));
  }

  /** Also how the pool says that a lease was lost: the run asks for itself. */
  override async poke(): Promise<void> {
    this.#store.checkLease(Date.now());
    await super.poke();
  }

  #onLease({ fence, runner }: Lease): void {
    const { record } = this.#store;
    if (record === null) return;
    const lease = { fence, runner };
    const isNew = this.#store.leased(
      lease,
      requireMember(record.spec.group).agent.limits.wallClockMs,
      Date.now(),
    );
    if (isNew && record.spec.kind === 'light') this.#light.begin();
  }

  #nextTimerAt(): number | null {
    const { record } = this.#store;
    if (record === null || record.status === 'ended') return null;
    if (record.spec.kind === 'light' && holdsLease(record)) {
      if (!this.#light.isGoing) return 0;
      // Rounded, so that the alarm is not moved by every small change.
      return Math.ceil((Date.now() + LIGHT_WATCH_MS) / LIGHT_WATCH_MS) * LIGHT_WATCH_MS;
    }
    return record.deadlineAt;
  }

  #onTimers(nowMs: number): void {
    const { record } = this.#store;
    if (record === null || record.status === 'ended') return;
    if (record.deadlineAt !== null && record.deadlineAt <= nowMs) {
      this.#light.abort();
      this.#end({ ok: false, reason: 'timeout', detail: 'no end was reported in time' }, true);
    } else if (record.spec.kind === 'light' && holdsLease(record) && !this.#light.isGoing) {
      if (record.tries < MAX_LIGHT_TRIES) this.#light.begin();
      else this.#end({ ok: false, reason: 'crashed', detail: `lost ${record.tries} times` }, false);
    }
  }

  #refuseWithoutRunner(): void {
    try {
      runnerUrls(this.env);
    } catch (error) {
      if (!(error instanceof SettingError)) throw error;
      this.#end({ ok: false, reason: 'no_runner', detail: error.message }, false);
    }
  }

  #end(end: RunEnd, cancel: boolean): void {
    this.#store.end(end, Date.now(), cancel);
  }
}
