import type { Sql } from '../shared/sql.ts';

/** The stop flag, and from when to when it was set. */
export class Stops {
  readonly #sql: Sql;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  get isStopped(): boolean {
    return this.#sql.all<{ stopped: number }>('SELECT stopped FROM stop_flag')[0]?.stopped === 1;
  }

  /** False when it was so already. */
  set(stopped: boolean, nowMs: number): boolean {
    if (stopped === this.isStopped) return false;
    this.#sql.run('UPDATE stop_flag SET stopped = ?', stopped ? 1 : 0);
    if (stopped) this.#sql.run('INSERT INTO stops (from_at) VALUES (?)', nowMs);
    else this.#sql.run('UPDATE stops SET until_at = ? WHERE until_at IS NULL', nowMs);
    return true;
  }

  /** For how long everything was stopped since then. */
  stoppedMs(sinceMs: number, nowMs: number): number {
    const stops = this.#sql.all<{ from_at: number; until_at: number | null }>(
      'SELECT from_at, until_at FROM stops WHERE until_at IS NULL OR until_at > ?',
      sinceMs,
    );
    return stops.reduce(
      (sum, stop) => sum + Math.max(0, (stop.until_at ?? nowMs) - Math.max(stop.from_at, sinceMs)),
      0,
    );
  }
}
