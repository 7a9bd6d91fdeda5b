import { dayOf } from '../../core/cost/caps.ts';
import { BURST_WINDOW_MS, DISPATCHES_PER_DAY, decideBurst } from '../../core/governors/dispatch.ts';
import type { Sql } from '../shared/sql.ts';
import type { Waiting } from './run-pool-waiting.ts';

type Asked = Omit<Waiting, 'n'>;

/** What the operator sees of runs that wait for the next day. */
export interface HeldBack {
  run: string;
  group: string;
  since: number;
}

/** How often runs start: who is held back, and when that is worth telling. Works inside the pool's transactions. */
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

  /** Counts a dispatched run of this day; false when there were enough, and it is to wait. */
  admit(run: string, nowMs: number): boolean {
    const day = dayOf(nowMs);
    if (this.#sql.all('SELECT 1 FROM dispatched WHERE run = ?', run).length > 0) return true;
    if (this.dispatchedOn(day) >= DISPATCHES_PER_DAY) return false;
    this.#sql.run('DELETE FROM dispatched WHERE day < ?', day);
    this.#sql.run('INSERT INTO dispatched (run, day) VALUES (?, ?)', run, day);
    return true;
  }

  dispatchedOn(day: string): number {
    return this.#sql.all<{ c: number }>('SELECT count(*) AS c FROM dispatched WHERE day = ?', day)[0]?.c ?? 0;
  }

  /** Keeps it for another day; its place in that line. Asked again, it keeps its place. */
  holdBack(asked: Asked): number {
    this.#sql.run(
      'INSERT INTO held_back (run, request) VALUES (?, ?) ON CONFLICT (run) DO NOTHING',
      asked.run,
      JSON.stringify(asked),
    );
    return this.heldBack().findIndex(({ run }) => run === asked.run) + 1;
  }

  /** Those that may go now, in their order; they are the pool's from here on. */
  letGo(nowMs: number): Asked[] {
    const rows = this.#sql.all<{ run: string; request: string }>(
      `SELECT run, request FROM held_back ORDER BY n LIMIT ${DISPATCHES_PER_DAY}`,
    );
    const going = rows.filter(({ run }) => this.admit(run, nowMs));
    for (const { run } of going) this.remove(run);
    return going.map(({ request }) => JSON.parse(request) as Asked);
  }

  remove(run: string): void {
    this.#sql.run('DELETE FROM held_back WHERE run = ?', run);
  }

  get hasHeldBack(): boolean {
    return this.#sql.all('SELECT 1 FROM held_back LIMIT 1').length > 0;
  }

  heldBack(): HeldBack[] {
    return this.#sql
      .all<{ request: string }>('SELECT request FROM held_back ORDER BY n')
      .map(({ request }) => {
        const { run, group, at } = JSON.parse(request) as Asked;
        return { run, group, since: at };
      });
  }

  #starts(): number {
    return this.#sql.all<{ c: number }>('SELECT count(*) AS c FROM starts')[0]?.c ?? 0;
  }

  #isTold(): boolean {
    return this.#sql.all('SELECT 1 FROM burst WHERE told = 1').length > 0;
  }
}
