import { Journal } from './journal.ts';
import { auditRowOf } from './journal-audit.ts';
import { migrate } from './migrate.ts';
import { Outbox } from './outbox.ts';
import type { Failure } from './outbox-drain.ts';
import { ProjectionQueue } from './projection.ts';
import type { RunPoolRpc } from './rpc.ts';
import { runPoolMigrations } from './run-pool-migrations.ts';
import {
  findSlot,
  fitsBudget,
  type HeldLease,
  leaseExpiry,
  monthOf,
  type PoolSettings,
} from './run-pool-slots.ts';
import type { Sql } from './sql.ts';

type LeaseRequest = Parameters<RunPoolRpc['lease']>[0];
type LeaseAnswer = Awaited<ReturnType<RunPoolRpc['lease']>>;
type Heartbeat = Parameters<RunPoolRpc['heartbeat']>[0];
type PoolStatus = Awaited<ReturnType<RunPoolRpc['status']>>;

/** `held`: in use. `lost`: expired, revived by a heartbeat while nobody took over. `released`: over. */
type LeaseState = 'held' | 'lost' | 'released';

interface LeaseRow extends Record<string, string | number | null> {
  run: string;
  agent_group: string;
  kind: 'light' | 'heavy';
  fence: number;
  runner: string | null;
  granted_at: number;
  renewed_at: number;
  budget_micro_usd: number;
  state: LeaseState;
}

interface WaitingRow extends Record<string, string | number> {
  run: string;
  agent_group: string;
  kind: 'light' | 'heavy';
  budget_micro_usd: number;
  at: number;
}

/** Expired nonces removed per look. */
const PURGE = 500;

/** Slots, leases, budgets: one transaction decides all three, so that no two runs get the same. */
export class RunPoolStore {
  readonly outbox: Outbox;
  readonly projections: ProjectionQueue;
  readonly journal: Journal;
  readonly #sql: Sql;
  readonly #settings: () => PoolSettings;
  readonly #changed: () => void;

  constructor(sql: Sql, settings: () => PoolSettings, changed: () => void) {
    migrate(sql, runPoolMigrations);
    this.#sql = sql;
    this.#settings = settings;
    this.#changed = changed;
    this.outbox = new Outbox(sql);
    this.projections = new ProjectionQueue(sql);
    this.journal = new Journal(sql, 'run-pool');
  }

  /** Asking again while a lease is held gives the same lease. */
  lease(request: LeaseRequest, nowMs: number): LeaseAnswer {
    const current = this.#lease(request.run);
    if (current?.state === 'held') return { status: 'granted', fence: current.fence, runner: current.runner };
    const waiting = this.#positionOf(request.run);
    if (waiting !== null) return { status: 'queued', position: waiting };
    return this.#change(() => {
      if (!this.#fits(request.budgetMicroUsd, nowMs))
        return refusal('budget', 'the budget of the month does not allow another run');
      const pausing = this.#pausing(nowMs);
      const isFirst = this.#countWaiting(request.kind, pausing) === 0;
      const mayGoNow = !this.isStopped && !isPausing(request, pausing) && isFirst;
      const granted = mayGoNow ? this.#grant(request, nowMs) : null;
      if (granted) return { status: 'granted', ...granted };
      this.#sql.run(
        'INSERT INTO waiting (run, agent_group, kind, budget_micro_usd, at) VALUES (?, ?, ?, ?, ?)',
        request.run,
        request.group,
        request.kind,
        request.budgetMicroUsd,
        nowMs,
      );
      return { status: 'queued', position: this.#positionOf(request.run) ?? 1 };
    });
  }

  /** Ends a lease and books what was spent, once; an older fence is not heard. */
  release(run: string, fence: number, spentMicroUsd: number, nowMs: number): void {
    this.#change(() => {
      this.#sql.run('DELETE FROM waiting WHERE run = ?', run);
      const lease = this.#lease(run);
      if (!lease || lease.fence !== fence || lease.state === 'released') return;
      this.#sql.run(`UPDATE leases SET state = 'released' WHERE run = ?`, run);
      this.#sql.run(
        `INSERT INTO spent (month, micro_usd) VALUES (?, ?)
         ON CONFLICT (month) DO UPDATE SET micro_usd = micro_usd + excluded.micro_usd`,
        monthOf(nowMs),
        spentMicroUsd,
      );
      this.#audit('run_released', { run, fence, costMicroUsd: spentMicroUsd }, nowMs);
      this.#grantWaiting(nowMs);
    });
  }

  heartbeat(report: Heartbeat, nowMs: number): { lost: string[]; stop: boolean } {
    return this.#change(() => {
      this.#sql.run(
        `INSERT OR REPLACE INTO runners (name, last_seen_at, capacity, running, problems)
         VALUES (?, ?, ?, ?, ?)`,
        report.runner,
        nowMs,
        report.capacity,
        report.running,
        JSON.stringify(report.problems),
      );
      const lost = report.leases.filter(({ run, fence }) => !this.#renew(run, fence, report.runner, nowMs));
      this.#grantWaiting(nowMs);
      return { lost: lost.map(({ run }) => run), stop: this.isStopped };
    });
  }

  leaseOf(run: string): { group: string; fence: number; runner: string | null } | null {
    const lease = this.#lease(run);
    if (lease?.state !== 'held') return null;
    return { group: lease.agent_group, fence: lease.fence, runner: lease.runner };
  }

  /** False when it was seen before. */
  rememberNonce(keyId: string, nonce: string, expiresAt: number, nowMs: number): boolean {
    return this.#change(() => {
      this.#sql.run(
        `DELETE FROM nonces WHERE rowid IN (SELECT rowid FROM nonces WHERE expires_at < ? LIMIT ${PURGE})`,
        nowMs,
      );
      const added = this.#sql.all(
        `INSERT INTO nonces (key_id, nonce, expires_at) VALUES (?, ?, ?)
         ON CONFLICT DO NOTHING RETURNING 1 AS one`,
        keyId,
        nonce,
        expiresAt,
      );
      return added.length > 0;
    });
  }

  get isStopped(): boolean {
    return this.#sql.all<{ stopped: number }>('SELECT stopped FROM stop_flag')[0]?.stopped === 1;
  }

  setStopped(stopped: boolean, by: string, nowMs: number): void {
    if (stopped === this.isStopped) return;
    this.#change(() => {
      this.#sql.run('UPDATE stop_flag SET stopped = ?', stopped ? 1 : 0);
      this.#audit(stopped ? 'stopped' : 'resumed', { by }, nowMs);
      this.#grantWaiting(nowMs);
    });
  }

  /** The longest pause that was asked for counts. */
  backOff(group: string, until: number, run: string, nowMs: number): void {
    this.#change(() => {
      this.#sql.run(
        `INSERT INTO back_offs (agent_group, until) VALUES (?, ?)
         ON CONFLICT (agent_group) DO UPDATE SET until = max(until, excluded.until)`,
        group,
        until,
      );
      this.#audit('backed_off', { group, until, run }, nowMs);
    });
  }

  /** What the clock asks for: lost leases, and groups whose pause is over. */
  expire(nowMs: number): void {
    this.#expireLeases(nowMs);
    const over = this.#sql.all('SELECT 1 AS one FROM back_offs WHERE until <= ?', nowMs).length > 0;
    if (!over) return;
    this.#change(() => {
      this.#sql.run('DELETE FROM back_offs WHERE until <= ?', nowMs);
      this.#grantWaiting(nowMs);
    });
  }

  /** Leases whose holder fell silent are lost: their slots are free and their runs are told to look. */
  #expireLeases(nowMs: number): void {
    const expired = this.#held().filter((lease) => leaseExpiry(lease.kind, lease.renewed_at) <= nowMs);
    if (expired.length === 0) return;
    this.#change(() => {
      for (const { run, fence, runner } of expired) {
        this.#sql.run(`UPDATE leases SET state = 'lost' WHERE run = ?`, run);
        this.#audit('lease_lost', { run, fence, runner }, nowMs);
        this.outbox.add({ key: `lost:${run}:${fence}:${nowMs}`, kind: 'lost', lane: null, body: run }, nowMs);
      }
      this.#grantWaiting(nowMs);
    });
  }

  nextTimerAt(): number | null {
    const pauses = this.#sql.all<{ until: number }>('SELECT until FROM back_offs').map(({ until }) => until);
    const expiries = this.#held().map((lease) => leaseExpiry(lease.kind, lease.renewed_at));
    const times = [...pauses, ...expiries];
    return times.length > 0 ? Math.min(...times) : null;
  }

  status(): PoolStatus {
    return {
      stopped: this.isStopped,
      slots: this.#settings().heavySlots,
      leases: this.#held().map(({ run, agent_group: group, fence, runner, granted_at: grantedAt }) => ({
        run,
        group,
        fence,
        runner,
        grantedAt,
      })),
      waiting: this.#waiting().map(({ run, agent_group: group }, index) => ({
        run,
        group,
        position: index + 1,
      })),
      runners: this.#runners().map(({ problems, ...runner }) => ({
        ...runner,
        problems: JSON.parse(problems) as string[],
      })),
    };
  }

  done(key: string): void {
    this.#change(() => this.outbox.done(key));
  }

  fail(key: string, failure: Failure): void {
    this.#change(() => this.outbox.fail(key, failure));
  }

  #renew(run: string, fence: number, runner: string, nowMs: number): boolean {
    const lease = this.#lease(run);
    if (!lease || lease.fence !== fence || lease.runner !== runner || lease.state === 'released')
      return false;
    this.#sql.run(`UPDATE leases SET state = 'held', renewed_at = ? WHERE run = ?`, nowMs, run);
    return true;
  }

  #grant(
    request: Pick<LeaseRequest, 'run' | 'group' | 'kind' | 'budgetMicroUsd'>,
    nowMs: number,
  ): { fence: number; runner: string | null } | null {
    const slot = findSlot(request.kind, this.#held(), this.#runners(), this.#settings(), nowMs);
    if (!slot.ok) return null;
    const { runner } = slot;
    const fence =
      this.#sql.all<{ n: number }>('INSERT INTO fences (run) VALUES (?) RETURNING n', request.run)[0]?.n ?? 0;
    this.#sql.run(
      `INSERT OR REPLACE INTO leases
       (run, agent_group, kind, fence, runner, granted_at, renewed_at, budget_micro_usd, state)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, 'held')`,
      request.run,
      request.group,
      request.kind,
      fence,
      runner,
      nowMs,
      nowMs,
      request.budgetMicroUsd,
    );
    this.#audit('run_leased', { run: request.run, group: request.group, fence, runner }, nowMs);
    return { fence, runner };
  }

  /** In order of arrival; a kind that has no slot left holds up the other kind not at all. */
  #grantWaiting(nowMs: number): void {
    if (this.isStopped) return;
    const full = new Set<string>();
    const pausing = this.#pausing(nowMs);
    for (const { run, agent_group: group, kind, budget_micro_usd: budgetMicroUsd } of this.#waiting()) {
      if (full.has(kind) || isPausing({ group, kind }, pausing) || !this.#fits(budgetMicroUsd, nowMs))
        continue;
      const lease = this.#grant({ run, group, kind, budgetMicroUsd }, nowMs);
      if (!lease) {
        full.add(kind);
        continue;
      }
      this.#sql.run('DELETE FROM waiting WHERE run = ?', run);
      const body = JSON.stringify({ run, lease });
      this.outbox.add({ key: `granted:${run}:${lease.fence}`, kind: 'granted', lane: null, body }, nowMs);
    }
  }

  #fits(budgetMicroUsd: number, nowMs: number): boolean {
    const spent =
      this.#sql.all<{ micro_usd: number }>('SELECT micro_usd FROM spent WHERE month = ?', monthOf(nowMs))[0]
        ?.micro_usd ?? 0;
    const reserved = this.#held().reduce((sum, lease) => sum + lease.budget_micro_usd, 0);
    return fitsBudget(budgetMicroUsd, spent, reserved, this.#settings().monthlyBudgetMicroUsd);
  }

  #lease(run: string): (LeaseRow & HeldLease) | undefined {
    return this.#sql.all<LeaseRow>('SELECT * FROM leases WHERE run = ?', run)[0];
  }

  #held(): LeaseRow[] {
    return this.#sql.all<LeaseRow>(`SELECT * FROM leases WHERE state = 'held' ORDER BY fence`);
  }

  #waiting(): WaitingRow[] {
    return this.#sql.all<WaitingRow>('SELECT * FROM waiting ORDER BY n');
  }

  #countWaiting(kind: string, pausing: ReadonlySet<string>): number {
    return this.#waiting().filter(
      (waiting) => waiting.kind === kind && !isPausing({ group: waiting.agent_group, kind }, pausing),
    ).length;
  }

  #pausing(nowMs: number): ReadonlySet<string> {
    const rows = this.#sql.all<{ name: string }>(
      'SELECT agent_group AS name FROM back_offs WHERE until > ?',
      nowMs,
    );
    return new Set(rows.map(({ name }) => name));
  }

  #positionOf(run: string): number | null {
    const index = this.#waiting().findIndex((waiting) => waiting.run === run);
    return index < 0 ? null : index + 1;
  }

  #runners() {
    return this.#sql.all<{
      name: string;
      lastSeenAt: number;
      capacity: number;
      running: number;
      problems: string;
    }>('SELECT name, last_seen_at AS lastSeenAt, capacity, running, problems FROM runners ORDER BY name');
  }

  #audit(type: string, data: unknown, at: number): void {
    const line = this.journal.append({ at, type, v: 1, data });
    this.projections.add(auditRowOf(line, this.journal.chain));
  }

  #change<T>(work: () => T): T {
    try {
      return this.#sql.transaction(() => {
        const result = work();
        this.#changed();
        return result;
      });
    } catch (error) {
      this.journal.forget();
      throw error;
    }
  }
}

/** A light run needs no memory of a runner. */
const isPausing = ({ group, kind }: { group: string; kind: string }, pausing: ReadonlySet<string>): boolean =>
  kind === 'heavy' && pausing.has(group);

const refusal = (code: 'budget', reason: string): LeaseAnswer => ({
  status: 'refused',
  code,
  reason,
});
