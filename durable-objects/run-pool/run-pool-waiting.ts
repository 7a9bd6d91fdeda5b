import type { Priority } from '../../core/contracts/priority.ts';
import type { WaitingRun } from '../../core/pool/choose-next.ts';
import type { RunKind } from '../../core/pool/slots.ts';
import type { Sql } from '../shared/sql.ts';

/** A run that waits for a slot, with what it reserves when it gets one. */
export interface Waiting extends WaitingRun {
  budgetMicroUsd: number;
}

interface WaitingRow extends Record<string, string | number> {
  n: number;
  run: string;
  agent_group: string;
  kind: RunKind;
  budget_micro_usd: number;
  at: number;
  priority: Priority;
  for_person: number;
}

const waitingOf = (row: WaitingRow): Waiting => ({
  n: row.n,
  run: row.run,
  group: row.agent_group,
  kind: row.kind,
  budgetMicroUsd: row.budget_micro_usd,
  at: row.at,
  priority: row.priority,
  forPerson: row.for_person === 1,
});

/** Shown at most; what waits behind them waits all the same. */
export const MAX_SHOWN = 1_000;

/** What waits, by arrival. Its sorts (group, kind, priority, asker) are few, however much waits. */
export class WaitingRuns {
  readonly #sql: Sql;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  add(run: Omit<Waiting, 'n'>): void {
    this.#sql.run(
      `INSERT INTO waiting (run, agent_group, kind, budget_micro_usd, at, priority, for_person)
       VALUES (?, ?, ?, ?, ?, ?, ?)`,
      run.run,
      run.group,
      run.kind,
      run.budgetMicroUsd,
      run.at,
      run.priority,
      Number(run.forPerson),
    );
    this.#resize(run, 1);
  }

  remove(name: string): void {
    const run = this.get(name);
    if (run === null) return;
    this.#sql.run('DELETE FROM waiting WHERE n = ?', run.n);
    this.#resize(run, -1);
  }

  get(run: string): Waiting | null {
    const row = this.#sql.all<WaitingRow>('SELECT * FROM waiting WHERE run = ?', run)[0];
    return row ? waitingOf(row) : null;
  }

  /** The oldest of each sort. */
  heads(): Waiting[] {
    const sorts = this.#sql.all<WaitingRow>('SELECT * FROM waiting_sizes WHERE size > 0');
    return sorts.flatMap((sort) => this.#first(sort) ?? []);
  }

  /** The oldest of the sort of this run. */
  headLike(run: Waiting): Waiting | null {
    const sort = {
      agent_group: run.group,
      kind: run.kind,
      priority: run.priority,
      for_person: Number(run.forPerson),
    };
    return this.#first(sort);
  }

  get size(): number {
    return (
      this.#sql.all<{ n: number | null }>('SELECT sum(size) AS n FROM waiting_sizes WHERE size > 0')[0]?.n ??
      0
    );
  }

  /** How many at most go before this one, itself included; not read from all that waits unless it waited before. */
  placeOf(run: Omit<Waiting, 'n'>, before: Waiting | null): number {
    const [all] = this.#sql.all<{ n: number | null }>(
      'SELECT sum(size) AS n FROM waiting_sizes WHERE kind = ? AND priority <= ?',
      run.kind,
      run.priority,
    );
    if (before === null) return all?.n ?? 0;
    const [later] = this.#sql.all<{ n: number }>(
      'SELECT count(*) AS n FROM waiting WHERE kind = ? AND priority = ? AND n > ?',
      before.kind,
      before.priority,
      before.n,
    );
    return (all?.n ?? 0) - (later?.n ?? 0);
  }

  /** The oldest, up to what is shown. */
  list(): Waiting[] {
    return this.#sql.all<WaitingRow>(`SELECT * FROM waiting ORDER BY n LIMIT ${MAX_SHOWN}`).map(waitingOf);
  }

  #first(sort: Pick<WaitingRow, 'agent_group' | 'kind' | 'priority' | 'for_person'>): Waiting | null {
    const row = this.#sql.all<WaitingRow>(
      `SELECT * FROM waiting WHERE agent_group = ? AND kind = ? AND priority = ? AND for_person = ?
       ORDER BY n LIMIT 1`,
      sort.agent_group,
      sort.kind,
      sort.priority,
      sort.for_person,
    )[0];
    return row ? waitingOf(row) : null;
  }

  #resize(run: Omit<Waiting, 'n'>, by: 1 | -1): void {
    this.#sql.run(
      `INSERT INTO waiting_sizes (agent_group, kind, priority, for_person, size) VALUES (?, ?, ?, ?, ?)
       ON CONFLICT DO UPDATE SET size = size + excluded.size`,
      run.group,
      run.kind,
      run.priority,
      Number(run.forPerson),
      by,
    );
  }
}
