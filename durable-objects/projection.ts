import type { Projection } from '../workers/db/projections.ts';
import type { Sql } from './sql.ts';

export const projectionTable = `CREATE TABLE projection (
  n INTEGER PRIMARY KEY AUTOINCREMENT,
  body TEXT NOT NULL,
  tries INTEGER NOT NULL DEFAULT 0,
  error TEXT
)`;

/** Tries of a row that fails even when it is sent alone; it is then left behind, with its error. */
const MAX_ROW_TRIES = 20;

/** Rows on their way to D1, in order. */
export class ProjectionQueue {
  readonly #sql: Sql;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  add(...projections: Projection[]): void {
    for (const projection of projections)
      this.#sql.run('INSERT INTO projection (body) VALUES (?)', JSON.stringify(projection));
  }

  /** The oldest rows. After a failure rows are sent one by one, so that a bad row holds up no good one. */
  next(limit: number): { n: number; projection: Projection }[] {
    const rows = this.#sql.all<{ n: number; body: string; tries: number }>(
      'SELECT n, body, tries FROM projection WHERE tries < ? ORDER BY n LIMIT ?',
      MAX_ROW_TRIES,
      limit,
    );
    const alone = rows[0] !== undefined && rows[0].tries > 0 ? rows.slice(0, 1) : rows;
    return alone.map(({ n, body }) => ({ n, projection: JSON.parse(body) as Projection }));
  }

  sent(ns: readonly number[]): void {
    for (const n of ns) this.#sql.run('DELETE FROM projection WHERE n = ?', n);
  }

  failed(ns: readonly number[], error: string): void {
    for (const n of ns)
      this.#sql.run('UPDATE projection SET tries = tries + 1, error = ? WHERE n = ?', error, n);
  }

  waiting(): number {
    return (
      this.#sql.all<{ c: number }>('SELECT count(*) AS c FROM projection WHERE tries < ?', MAX_ROW_TRIES)[0]
        ?.c ?? 0
    );
  }
}
