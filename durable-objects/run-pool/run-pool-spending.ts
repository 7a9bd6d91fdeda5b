import { type BudgetCaps, type CapUse, dayOf, monthOfDay } from '../../core/cost/caps.ts';
import type { Sql } from '../shared/sql.ts';
import type { Lease } from './run-pool-leases.ts';

/** What a run has spent in all, by UTC day, in micro-dollars. */
export type SpentByDay = Record<string, number>;

/** Totals of runs are kept this long: nothing is told of a run later. */
const KEPT_MS = 60 * 86_400_000;
const ALL = '';

/** What was spent in each UTC day and month, and the operator's leave to pass the 90%. */
export class Spending {
  readonly #sql: Sql;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  /** Books what is new in these totals, each to its own day; answers how much that was. */
  book(run: string, group: string, spent: SpentByDay, nowMs: number): number {
    let added = 0;
    for (const [day, total] of Object.entries(spent)) {
      const known = this.#sql.all<{ micro_usd: number }>(
        'SELECT micro_usd FROM run_spending WHERE day = ? AND run = ?',
        day,
        run,
      )[0];
      const more = total - (known?.micro_usd ?? 0);
      if (more <= 0) continue;
      added += more;
      this.#sql.run(
        'INSERT OR REPLACE INTO run_spending (day, run, micro_usd) VALUES (?, ?, ?)',
        day,
        run,
        total,
      );
      for (const [period, whose] of [
        [monthOfDay(day), ALL],
        [day, ALL],
        [day, group],
      ] as const)
        this.#sql.run(
          `INSERT INTO spending (period, agent_group, micro_usd) VALUES (?, ?, ?)
           ON CONFLICT DO UPDATE SET micro_usd = micro_usd + excluded.micro_usd`,
          period,
          whose,
          more,
        );
    }
    if (added > 0) this.#sql.run('DELETE FROM run_spending WHERE day < ?', dayOf(nowMs - KEPT_MS));
    return added;
  }

  /** The caps that a run of this group is charged to; null: those of all groups only. */
  uses(group: string | null, caps: BudgetCaps, held: readonly Lease[], nowMs: number): CapUse[] {
    const day = dayOf(nowMs);
    const left = (lease: Lease): number => Math.max(0, lease.budgetMicroUsd - lease.spentMicroUsd);
    const reserved = (of: string | null): number =>
      held.reduce((sum, lease) => sum + (of === null || lease.group === of ? left(lease) : 0), 0);
    const use = (
      cap: CapUse['cap'],
      period: string,
      of: string | null,
      capMicroUsd: number | null,
    ): CapUse[] =>
      capMicroUsd === null
        ? []
        : [
            {
              cap,
              period,
              group: of,
              capMicroUsd,
              spentMicroUsd: this.#spent(period, of ?? ALL),
              reservedMicroUsd: reserved(of),
            },
          ];
    return [
      ...use('month', monthOfDay(day), null, caps.monthMicroUsd),
      ...use('day', day, null, caps.dayMicroUsd),
      ...(group === null ? [] : use('group', day, group, caps.groupDayMicroUsd(group))),
    ];
  }

  /** Groups that have spent something on that day. */
  groupsOf(day: string): string[] {
    return this.#sql
      .all<{ name: string }>(
        'SELECT agent_group AS name FROM spending WHERE period = ? AND agent_group <> ? ORDER BY 1',
        day,
        ALL,
      )
      .map(({ name }) => name);
  }

  /** Until when urgent work may pass the 90%; null: it may not. */
  override(nowMs: number): { until: number; by: string } | null {
    const row = this.#sql.all<{ until: number; by: string }>('SELECT until, by FROM budget_override')[0];
    return row !== undefined && row.until > nowMs ? row : null;
  }

  /** `until` null takes the leave back. */
  setOverride(until: number | null, by: string): void {
    this.#sql.run('DELETE FROM budget_override');
    if (until !== null)
      this.#sql.run('INSERT INTO budget_override (one, until, by) VALUES (1, ?, ?)', until, by);
  }

  #spent(period: string, whose: string): number {
    return (
      this.#sql.all<{ micro_usd: number }>(
        'SELECT micro_usd FROM spending WHERE period = ? AND agent_group = ?',
        period,
        whose,
      )[0]?.micro_usd ?? 0
    );
  }
}
