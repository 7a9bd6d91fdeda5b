import type { Priority } from '../../core/contracts/priority.ts';
import { leaseExpiry, type RunKind } from '../../core/pool/slots.ts';
import type { Sql } from '../shared/sql.ts';

/** `held`: in use. `lost`: expired, revived by a heartbeat while nobody took over. `released`: over. */
export type LeaseState = 'held' | 'lost' | 'released';

export interface Lease {
  run: string;
  group: string;
  kind: RunKind;
  fence: number;
  runner: string | null;
  grantedAt: number;
  renewedAt: number;
  budgetMicroUsd: number;
  /** Under this lease, as far as it was told. */
  spentMicroUsd: number;
  priority: Priority;
  forPerson: boolean;
  state: LeaseState;
}

interface LeaseRow extends Record<string, string | number | null> {
  run: string;
  agent_group: string;
  kind: RunKind;
  fence: number;
  runner: string | null;
  granted_at: number;
  renewed_at: number;
  budget_micro_usd: number;
  spent_micro_usd: number;
  priority: Priority;
  for_person: number;
  state: LeaseState;
}

const leaseOf = (row: LeaseRow): Lease => ({
  run: row.run,
  group: row.agent_group,
  kind: row.kind,
  fence: row.fence,
  runner: row.runner,
  grantedAt: row.granted_at,
  renewedAt: row.renewed_at,
  budgetMicroUsd: row.budget_micro_usd,
  spentMicroUsd: row.spent_micro_usd,
  priority: row.priority,
  forPerson: row.for_person === 1,
  state: row.state,
});

/** The newest lease of each run, and the one row of fences over all. */
export class Leases {
  readonly #sql: Sql;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  get(run: string): Lease | null {
    const row = this.#sql.all<LeaseRow>('SELECT * FROM leases WHERE run = ?', run)[0];
    return row ? leaseOf(row) : null;
  }

  held(): Lease[] {
    return this.#sql.all<LeaseRow>(`SELECT * FROM leases WHERE state = 'held' ORDER BY fence`).map(leaseOf);
  }

  expired(nowMs: number): Lease[] {
    return this.held().filter(({ kind, renewedAt }) => leaseExpiry(kind, renewedAt) <= nowMs);
  }

  /** Of the group's newest lease; 0: it had none. */
  lastFenceOf(group: string): number {
    const rows = this.#sql.all<{ fence: number | null }>(
      'SELECT max(fence) AS fence FROM leases WHERE agent_group = ?',
      group,
    );
    return rows[0]?.fence ?? 0;
  }

  /** A fence higher than any before it. */
  grant(
    lease: Pick<Lease, 'run' | 'group' | 'kind' | 'runner' | 'budgetMicroUsd' | 'priority' | 'forPerson'>,
    nowMs: number,
  ): number {
    const [next] = this.#sql.all<{ n: number }>('INSERT INTO fences (run) VALUES (?) RETURNING n', lease.run);
    if (next === undefined) throw new Error('no fence was given');
    this.#sql.run(
      `INSERT OR REPLACE INTO leases (run, agent_group, kind, fence, runner, granted_at, renewed_at,
         budget_micro_usd, spent_micro_usd, priority, for_person, state)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0, ?, ?, 'held')`,
      lease.run,
      lease.group,
      lease.kind,
      next.n,
      lease.runner,
      nowMs,
      nowMs,
      lease.budgetMicroUsd,
      lease.priority,
      Number(lease.forPerson),
    );
    return next.n;
  }

  /** A lease that was lost revives; false when it is over, another's, or of an older fence. */
  renew(run: string, fence: number, runner: string, nowMs: number): boolean {
    const lease = this.get(run);
    if (lease === null || lease.fence !== fence || lease.runner !== runner || lease.state === 'released')
      return false;
    this.#sql.run(`UPDATE leases SET state = 'held', renewed_at = ? WHERE run = ?`, nowMs, run);
    return true;
  }

  setState(run: string, state: LeaseState): void {
    this.#sql.run('UPDATE leases SET state = ? WHERE run = ?', state, run);
  }

  addSpent(run: string, microUsd: number): void {
    this.#sql.run('UPDATE leases SET spent_micro_usd = spent_micro_usd + ? WHERE run = ?', microUsd, run);
  }
}
