import type { Projection } from '../../workers/db/projections.ts';
import type { Sql } from './sql.ts';

export const projectionTable = `CREATE TABLE projection (
  n INTEGER PRIMARY KEY AUTOINCREMENT,
  body TEXT NOT NULL,
  tries INTEGER NOT NULL DEFAULT 0,
  error TEXT
)`;

/** From here on the row behind it is tried in turn, to tell a bad row from a database that is away. */
const SUSPECT_TRIES = 5;
/**
 * Added to the tries of a row each time one behind it goes through. The database may have come back just then,
 * so that each time the row itself is tried next.
 */
const ACCUSED = 100_000;
/** So often passed by and failed again: the row is at fault, not D1. */
const MAX_ACCUSATIONS = 5;
/** Left behind, with its error, for a person to see. */
const REFUSED = 1_000_000;

/** Below the 100 parameters that a statement may have. */
const ROWS_PER_INSERT = 50;

const failuresSince = (tries: number): number => tries % ACCUSED;

/** Rows on their way to D1, in order. */
export class ProjectionQueue {
  readonly #sql: Sql;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  add(...projections: Projection[]): void {
    for (let from = 0; from < projections.length; from += ROWS_PER_INSERT) {
      const bodies = projections.slice(from, from + ROWS_PER_INSERT).map((one) => JSON.stringify(one));
      const rows = bodies.map(() => '(?)').join(', ');
      this.#sql.run(`INSERT INTO projection (body) VALUES ${rows}`, ...bodies);
    }
  }

  /**
   * The oldest rows. After a failure they go one by one; when the oldest keeps failing, the one behind it is
   * tried in turn.
   */
  next(limit: number): { n: number; projection: Projection }[] {
    const rows = this.#sql.all<{ n: number; body: string; tries: number }>(
      `SELECT n, body, tries FROM projection WHERE tries < ? ORDER BY n LIMIT ${limit}`,
      REFUSED,
    );
    const [head, second] = rows;
    const isSuspect = head !== undefined && second !== undefined && head.tries >= SUSPECT_TRIES;
    const isSecondsTurn = isSuspect && second.tries < failuresSince(head.tries);
    const chosen = isSecondsTurn ? [second] : head && head.tries > 0 ? [head] : rows;
    return chosen.map(({ n, body }) => ({ n, projection: JSON.parse(body) as Projection }));
  }

  sent(ns: readonly number[]): void {
    this.#sql.run(`DELETE FROM projection WHERE n IN (${ns.map(() => '?').join(', ')})`, ...ns);
    const [first] = ns;
    if (first === undefined) return;
    const passed = this.#sql.all<{ n: number; tries: number }>(
      'SELECT n, tries FROM projection WHERE n < ? AND tries >= ? AND tries < ?',
      first,
      SUSPECT_TRIES,
      REFUSED,
    );
    for (const { n, tries } of passed) {
      const accusations = Math.floor(tries / ACCUSED) + 1;
      const after = accusations >= MAX_ACCUSATIONS ? REFUSED : accusations * ACCUSED;
      this.#sql.run('UPDATE projection SET tries = ? WHERE n = ?', after, n);
    }
  }

  failed(ns: readonly number[], error: string): void {
    for (const n of ns)
      this.#sql.run('UPDATE projection SET tries = tries + 1, error = ? WHERE n = ?', error, n);
  }

  hasWaiting(): boolean {
    return this.#sql.all('SELECT 1 FROM projection WHERE tries < ? LIMIT 1', REFUSED).length > 0;
  }
}
