import type { Sql } from '../shared/sql.ts';

export const arrivalsTable = `CREATE TABLE arrivals (one INTEGER PRIMARY KEY CHECK (one = 1), first INTEGER NOT NULL)`;

/** An event that was committed, and of which nothing else knows yet. */
export interface Arrival extends Record<string, string | number | null> {
  n: number;
  id: string;
  source: string;
  delivery: string;
  type: string;
  received_at: number;
}

/** `first`: the row of `events` from which on some are not taken on; `count`: those rows, at least; `since`: when the first came. */
interface Waiting extends Record<string, number> {
  first: number;
  count: number;
  since: number;
}

/** Taken on in one transaction: a few milliseconds. */
const BATCH = 50;

/**
 * Events that came while so many others were being delivered that none could be begun. Each is committed as one
 * row of `events` and nothing else: a commit costs by the pages it touches, and journal, outbox and the rows for
 * D1 touch a dozen, which many events share when they are taken on together.
 */
export class Arrivals {
  readonly #sql: Sql;
  /** Undefined: to be read. */
  #waiting: Waiting | null | undefined;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  /** Null: none waits. */
  get waiting(): Readonly<Waiting> | null {
    if (this.#waiting === undefined) this.#waiting = this.#read();
    return this.#waiting;
  }

  /** To be called in the transaction that inserted the event's row, after it. */
  add(): void {
    if (this.#waiting) this.#waiting.count += 1;
    else {
      this.#sql.run(
        'INSERT INTO arrivals (one, first) SELECT 1, max(rowid) FROM events WHERE true ON CONFLICT DO NOTHING',
      );
      this.forget();
    }
  }

  /** The oldest, in order, to be taken on in the same transaction. */
  take(): Arrival[] {
    const { waiting } = this;
    if (waiting === null) return [];
    const rows = this.#sql.all<Arrival>(
      `SELECT rowid AS n, id, source, delivery, type, received_at FROM events
       WHERE rowid >= ? AND status = 'accepted' AND NOT EXISTS (SELECT 1 FROM outbox WHERE key = events.id)
       ORDER BY rowid LIMIT ${BATCH + 1}`,
      waiting.first,
    );
    const next = rows[BATCH];
    if (next) this.#sql.run('UPDATE arrivals SET first = ?', next.n);
    else this.#sql.run('DELETE FROM arrivals');
    this.forget();
    return rows.slice(0, BATCH);
  }

  /** Drops what is remembered, after a transaction was rolled back. */
  forget(): void {
    this.#waiting = undefined;
  }

  #read(): Waiting | null {
    const [found] = this.#sql.all<Waiting>(
      `SELECT first, (SELECT max(rowid) FROM events) - first + 1 AS count, received_at AS since
       FROM arrivals JOIN events ON events.rowid = first`,
    );
    return found ?? null;
  }
}
