import { dayOf, startOfDay } from '../../core/cost/caps.ts';
import { BURST_WINDOW_MS, chooseDispatchDay, decideBurst } from '../../core/governors/dispatch.ts';
import type { Sql } from '../shared/sql.ts';

/** Longer than a dispatch may be repeated. */
const KEPT_MS = 7 * 86_400_000;

/** What the operator sees of a dispatched task that waits for another day. */
export interface HeldBack {
  incident: string;
  group: string;
  since: number;
  until: number;
}

/** How often runs and dispatched tasks begin: what is held back, what is worth telling. Works inside the pool's transactions. */
export class PoolGovernors {
  readonly #sql: Sql;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  /** A run was asked for. Gives how many were lately when a burst begins with it; null: nothing to tell. */
  noteStart(run: string, nowMs: number): number | null {
    this.#sql.run('DELETE FROM starts WHERE at <= ?', nowMs - BURST_WINDOW_MS);
    const wasBurst = decideBurst(this.#starts(), false).isBurst && this.#isTold();
    this.#sql.run('INSERT INTO starts (run, at) VALUES (?, ?) ON CONFLICT (run) DO NOTHING', run, nowMs);
    const starts = this.#starts();
    const { isBurst, tell } = decideBurst(starts, wasBurst);
    this.#sql.run('INSERT OR REPLACE INTO burst (one, told) VALUES (1, ?)', isBurst ? 1 : 0);
    return tell ? starts : null;
  }

  /** The UTC day in which a dispatched task may begin, today in any case when it is passing; asked again, it keeps its day. */
  admit(
    { incident, group, isPassing }: { incident: string; group: string; isPassing: boolean },
    nowMs: number,
  ): { day: string; isNew: boolean } {
    const known = this.#sql.all<{ day: string }>(
      'SELECT day FROM dispatches WHERE incident = ?',
      incident,
    )[0];
    if (known) return { day: known.day, isNew: false };
    const day = isPassing ? dayOf(nowMs) : chooseDispatchDay((one) => this.dispatchedOn(one), nowMs);
    this.#sql.run('DELETE FROM dispatches WHERE day < ?', dayOf(nowMs - KEPT_MS));
    this.#sql.run(
      'INSERT INTO dispatches (incident, agent_group, day, at) VALUES (?, ?, ?, ?)',
      incident,
      group,
      day,
      nowMs,
    );
    return { day, isNew: true };
  }

  /** One that has not begun never will. False: it has, or is not known. */
  withdraw(incident: string, nowMs: number): boolean {
    const sql = 'DELETE FROM dispatches WHERE incident = ? AND day > ? RETURNING 1';
    return this.#sql.all(sql, incident, dayOf(nowMs)).length > 0;
  }

  dispatchedOn(day: string): number {
    return this.#sql.all<{ c: number }>('SELECT count(*) AS c FROM dispatches WHERE day = ?', day)[0]?.c ?? 0;
  }

  /** In the order in which they begin. */
  heldBack(nowMs: number): HeldBack[] {
    return this.#sql
      .all<{ incident: string; agent_group: string; day: string; at: number }>(
        'SELECT incident, agent_group, day, at FROM dispatches WHERE day > ? ORDER BY day, n',
        dayOf(nowMs),
      )
      .map(({ incident, agent_group: group, day, at: since }) => ({
        incident,
        group,
        since,
        until: startOfDay(day),
      }));
  }

  #starts(): number {
    return this.#sql.all<{ c: number }>('SELECT count(*) AS c FROM starts')[0]?.c ?? 0;
  }

  #isTold(): boolean {
    return this.#sql.all('SELECT 1 FROM burst WHERE told = 1').length > 0;
  }
}
