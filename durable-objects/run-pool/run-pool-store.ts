import { DEFAULT_PRIORITY } from '../../core/contracts/priority.ts';
import { type BudgetCaps, dayOf, nextDayAt, startOfDay } from '../../core/cost/caps.ts';
import { BURST_WINDOW_MS, DISPATCHES_PER_DAY } from '../../core/governors/dispatch.ts';
import { leaseExpiry, type PoolView } from '../../core/pool/slots.ts';
import { Journal } from '../shared/journal.ts';
import { auditRowOf } from '../shared/journal-audit.ts';
import { migrate } from '../shared/migrate.ts';
import { Outbox } from '../shared/outbox.ts';
import type { Failure } from '../shared/outbox-drain.ts';
import { ProjectionQueue } from '../shared/projection.ts';
import type { Sql } from '../shared/sql.ts';
import { BackOffs } from './run-pool-back-offs.ts';
import { PoolBudget } from './run-pool-budget.ts';
import { PoolGovernors } from './run-pool-governors.ts';
import { Grants } from './run-pool-grants.ts';
import { type Lease, Leases } from './run-pool-leases.ts';
import { poolLetter } from './run-pool-letters.ts';
import { runPoolMigrations } from './run-pool-migrations.ts';
import type { RunPoolRpc } from './run-pool-rpc.ts';
import { Runners } from './run-pool-runners.ts';
import { Spending, type SpentByDay } from './run-pool-spending.ts';
import { type PoolStatus, poolStatus } from './run-pool-status.ts';
import { Stops } from './run-pool-stops.ts';
import { WaitingRuns } from './run-pool-waiting.ts';

type LeaseRequest = Parameters<RunPoolRpc['lease']>[0];
type LeaseAnswer = Awaited<ReturnType<RunPoolRpc['lease']>>;
type DispatchedTask = Parameters<RunPoolRpc['admitDispatch']>[0];
type Heartbeat = Parameters<RunPoolRpc['heartbeat']>[0];

export interface PoolSettings {
  slots: PoolView['slots'];
  /** Names of the runners that may be given work. */
  runners: string[];
  /** `problem`: they cannot be read, so that nothing new may be spent. */
  caps: BudgetCaps | { problem: string };
  maxConcurrentOf(group: string): number;
}

/** Whoever says stop ends the runs himself; this is for those that he did not come to. */
const HALT_AFTER_MS = 15_000;

/** Slots, leases, budgets: one transaction decides all three, so that no two runs get the same. */
export class RunPoolStore {
  readonly outbox: Outbox;
  readonly projections: ProjectionQueue;
  readonly journal: Journal;
  readonly leases: Leases;
  readonly waiting: WaitingRuns;
  readonly runners: Runners;
  readonly spending: Spending;
  readonly governors: PoolGovernors;
  readonly stops: Stops;
  readonly budget: PoolBudget;
  readonly #backOffs: BackOffs;
  readonly #grants: Grants;
  readonly #settings: () => PoolSettings;
  readonly #changed: () => void;

  constructor(sql: Sql, settings: () => PoolSettings, changed: () => void) {
    migrate(sql, runPoolMigrations);
    this.#settings = settings;
    this.#changed = changed;
    this.outbox = new Outbox(sql);
    this.projections = new ProjectionQueue(sql);
    this.journal = new Journal(sql, 'run-pool');
    this.leases = new Leases(sql);
    this.waiting = new WaitingRuns(sql);
    this.runners = new Runners(sql);
    this.spending = new Spending(sql);
    this.governors = new PoolGovernors(sql);
    this.stops = new Stops(sql);
    this.#backOffs = new BackOffs(sql);
    this.budget = new PoolBudget({
      leases: this.leases,
      spending: this.spending,
      caps: () => settings().caps,
      audit: (type, data, at) => this.#audit(type, data, at),
      isTold: (key) => this.outbox.get(key) !== null,
      tellOperator: (key, about, text, at) => this.#tellOperator(key, about, text, at),
      endForBudget: ({ run, fence }, detail, at) => {
        const body = JSON.stringify({ run, detail });
        this.outbox.add({ key: `over_budget:${run}:${fence}`, kind: 'over_budget', lane: null, body }, at);
      },
    });
    this.#grants = new Grants({
      outbox: this.outbox,
      leases: this.leases,
      waiting: this.waiting,
      runners: this.runners,
      stops: this.stops,
      backOffs: this.#backOffs,
      budget: this.budget,
      settings,
      audit: (type, data, at) => this.#audit(type, data, at),
    });
  }

  /** Asking again while a lease is held gives the same lease. */
  lease(request: LeaseRequest, nowMs: number): LeaseAnswer {
    const before = this.leases.get(request.run);
    if (before?.state === 'held') return { status: 'granted', fence: before.fence, runner: before.runner };
    const { run, group, kind, budgetMicroUsd } = request;
    const { priority = DEFAULT_PRIORITY, forPerson = false } = request;
    return this.#change(() => {
      const asked = { run, group, kind, budgetMicroUsd, priority, forPerson, at: nowMs };
      const waited = this.waiting.get(run);
      if (waited === null) {
        const verdict = this.budget.reservation(asked, nowMs);
        // What was begun goes on when it can be paid again; what is new is somebody's to decide.
        if (verdict.kind === 'refuse' && before === null) {
          this.#audit('run_refused', { run, group, code: verdict.code, reason: verdict.reason }, nowMs);
          return { status: 'refused', code: verdict.code, reason: verdict.reason };
        }
        if (before === null) this.#noteStart(run, nowMs);
        this.waiting.add(asked);
      }
      const lease = this.#grants.give(nowMs, run);
      if (lease !== null) return { status: 'granted', ...lease };
      return { status: 'queued', position: this.waiting.placeOf(waited ?? asked, waited) };
    });
  }

  /** Until when a dispatched task is to wait; null: it begins now. The override lets urgent ones pass. */
  admitDispatch({ incident, group, ...asker }: DispatchedTask, nowMs: number): number | null {
    return this.#change(() => {
      const isPassing = this.budget.isPassing(asker, nowMs);
      const { day, isNew } = this.governors.admit({ incident, group, isPassing }, nowMs);
      const until = startOfDay(day);
      if (until <= nowMs) return null;
      if (isNew) {
        this.#audit('dispatch_held_back', { incident, group, until }, nowMs);
        const text = `${DISPATCHES_PER_DAY} dispatched tasks have begun today (UTC). What agents dispatch from now on is held back until tomorrow: see status. P0 and people pass after: dogwatch budget override on.`;
        this.#tellOperator(`dispatches:${dayOf(nowMs)}`, 'dispatch cap', text, nowMs);
      }
      return until;
    });
  }

  withdrawDispatch(incident: string, nowMs: number): void {
    this.#change(() => {
      if (this.governors.withdraw(incident, nowMs)) this.#audit('dispatch_withdrawn', { incident }, nowMs);
    });
  }

  /**
   * Ends a lease; an older fence ends nothing. Null: the run is over, and with it whatever it holds, also a lease
   * of which it never heard. What was spent is booked in any case.
   */
  release(run: string, fence: number | null, spent: SpentByDay, nowMs: number): void {
    this.#change(() => {
      this.waiting.remove(run);
      this.budget.book(run, spent, nowMs);
      const lease = this.leases.get(run);
      if (lease === null || lease.state === 'released') return;
      if (fence !== null && lease.fence !== fence) return;
      this.leases.setState(run, 'released');
      const costMicroUsd = Object.values(spent).reduce((sum, one) => sum + one, 0);
      this.#audit('run_released', { run, fence: lease.fence, costMicroUsd }, nowMs);
      this.#grants.give(nowMs);
    });
  }

  /** What a run has spent in all, by UTC day; told again, or late, it adds nothing. */
  spent(run: string, spent: SpentByDay, nowMs: number): void {
    this.#change(() => {
      this.budget.book(run, spent, nowMs);
      this.#grants.give(nowMs);
    });
  }

  heartbeat(report: Heartbeat, nowMs: number): { lost: string[]; stop: boolean } {
    return this.#change(() => {
      const { runner, capacity, running, problems } = report;
      this.runners.seen({ name: runner, lastSeenAt: nowMs, capacity, running, problems });
      const lost = report.leases.filter(({ run, fence }) => !this.leases.renew(run, fence, runner, nowMs));
      this.#grants.give(nowMs);
      return { lost: lost.map(({ run }) => run), stop: this.stops.isStopped };
    });
  }

  leaseOf(run: string): { group: string; fence: number; runner: string | null } | null {
    const lease = this.leases.get(run);
    if (lease?.state !== 'held') return null;
    return { group: lease.group, fence: lease.fence, runner: lease.runner };
  }

  /** False when it was seen before. */
  rememberNonce(keyId: string, nonce: string, expiresAt: number, nowMs: number): boolean {
    return this.#change(() => this.runners.rememberNonce(keyId, nonce, expiresAt, nowMs));
  }

  /** Answers the leases that are held: what runs now. */
  setStopped(stopped: boolean, by: string, nowMs: number): Lease[] {
    const held = this.leases.held();
    this.#change(() => {
      if (this.stops.set(stopped, nowMs)) this.#audit(stopped ? 'stopped' : 'resumed', { by }, nowMs);
      if (stopped)
        for (const { run, fence } of held) {
          const body = JSON.stringify({ run, fence });
          const key = `halt:${run}:${fence}`;
          this.outbox.add({ key, kind: 'halt', lane: null, body }, nowMs + HALT_AFTER_MS);
        }
      this.#grants.give(nowMs);
    });
    return held;
  }

  setDrained(names: readonly string[], drained: boolean, by: string, nowMs: number): void {
    this.#change(() => {
      for (const runner of names)
        if (this.runners.setDrained(runner, drained, by, nowMs))
          this.#audit(drained ? 'runner_drained' : 'runner_undrained', { runner, by }, nowMs);
      this.#grants.give(nowMs);
    });
  }

  /** Lets urgent work pass the 90% of every cap; answers until when. */
  setOverride(on: boolean, by: string, nowMs: number): number | null {
    return this.#change(() => {
      const until = this.budget.setOverride(on, by, nowMs);
      this.#grants.give(nowMs);
      return until;
    });
  }

  backOff(group: string, until: number, run: string, nowMs: number): void {
    this.#change(() => {
      this.#backOffs.add(group, until);
      this.#audit('backed_off', { group, until, run }, nowMs);
    });
  }

  /** What the clock asks for: lost leases, pauses that are over, a new day, a runner that fell silent. */
  expire(nowMs: number): void {
    const expired = this.leases.expired(nowMs);
    if (expired.length === 0 && this.waiting.size === 0) return;
    this.#change(() => {
      for (const { run, fence, runner } of expired) {
        this.leases.setState(run, 'lost');
        this.#audit('lease_lost', { run, fence, runner }, nowMs);
        this.outbox.add({ key: `lost:${run}:${fence}:${nowMs}`, kind: 'lost', lane: null, body: run }, nowMs);
      }
      this.#backOffs.forgetEnded(nowMs);
      this.#grants.give(nowMs);
    });
  }

  nextTimerAt(nowMs: number): number | null {
    const times = this.leases.held().map(({ kind, renewedAt }) => leaseExpiry(kind, renewedAt));
    if (this.waiting.size > 0) times.push(nextDayAt(nowMs), ...this.#backOffs.ends());
    return times.length > 0 ? Math.min(...times) : null;
  }

  status(nowMs: number): PoolStatus {
    return poolStatus(this, this.#settings(), this.#grants.view(nowMs), nowMs);
  }

  done(key: string): void {
    this.#change(() => this.outbox.done(key));
  }

  fail(key: string, failure: Failure): void {
    this.#change(() => {
      if (this.outbox.fail(key, failure).kind === 'dead') this.#letter(key, 'dead', failure.nowMs);
    });
  }

  /** Gives a dead effect its tries back; false when there is no such one. */
  retry(key: string, nowMs: number): boolean {
    return this.#change(() => {
      if (!this.outbox.revive(key, nowMs)) return false;
      this.#letter(key, 'replayed', nowMs);
      return true;
    });
  }

  #noteStart(run: string, nowMs: number): void {
    const starts = this.governors.noteStart(run, nowMs);
    if (starts === null) return;
    this.#audit('burst', { starts, minutes: BURST_WINDOW_MS / 60_000 }, nowMs);
    const text = `${starts} agent runs were asked for within ${BURST_WINDOW_MS / 60_000} minutes. Nothing is refused: they wait in order. /stop holds all of them.`;
    this.#tellOperator(`burst:${nowMs}`, 'burst of runs', text, nowMs);
  }

  /** Once per key. */
  #tellOperator(key: string, about: string, text: string, nowMs: number): void {
    const body = JSON.stringify({ about, text });
    this.outbox.add({ key, kind: 'alert', lane: 'alert', body }, nowMs);
  }

  #letter(key: string, state: 'dead' | 'replayed', at: number): void {
    const item = this.outbox.get(key);
    if (item) this.projections.add(poolLetter(item, item.error ?? '', state, at));
  }

  #audit(type: string, data: unknown, at: number): void {
    const line = this.journal.append({ at, type, v: 1, data });
    this.projections.add(auditRowOf(line, this.journal.chain));
  }

  #change<T>(work: () => T): T {
    return this.journal.transaction(() => {
      const result = work();
      this.#changed();
      return result;
    });
  }
}
