import { type AfterFailure, decideAfterFailure } from '../../core/outbox/backoff.ts';
import type { Sql } from './sql.ts';

export const outboxTable = `CREATE TABLE outbox (
  n INTEGER PRIMARY KEY AUTOINCREMENT,
  key TEXT NOT NULL UNIQUE,
  kind TEXT NOT NULL,
  lane TEXT,
  body TEXT NOT NULL,
  state TEXT NOT NULL DEFAULT 'pending',
  tries INTEGER NOT NULL DEFAULT 0,
  next_at INTEGER NOT NULL,
  error TEXT
)`;
export const outboxPendingIndex = `CREATE INDEX outbox_pending ON outbox (state, next_at)`;
/** What stands before an item in its lane is found without reading all that was ever done. */
export const outboxLanesIndex = `CREATE INDEX outbox_lanes ON outbox (lane, n) WHERE state = 'pending' AND lane IS NOT NULL`;

export type OutboxState = 'pending' | 'done' | 'dead';

/** `body` is JSON. `lane`: items of one lane are performed one after the other, in order; null: any time. */
export interface OutboxItem {
  n: number;
  key: string;
  kind: string;
  lane: string | null;
  body: string;
  state: OutboxState;
  tries: number;
  nextAt: number;
  error: string | null;
}

interface OutboxRow extends Record<string, string | number | null> {
  n: number;
  key: string;
  kind: string;
  lane: string | null;
  body: string;
  state: OutboxState;
  tries: number;
  next_at: number;
  error: string | null;
}

const itemOf = ({ next_at, ...row }: OutboxRow): OutboxItem => ({ ...row, nextAt: next_at });

const MAX_DUE = 50;

/** What an object has promised to do outside, kept until done or dead. */
export class Outbox {
  readonly #sql: Sql;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  /** A key that is known already is left as it is. */
  add(item: { key: string; kind: string; lane: string | null; body: string }, atMs: number): void {
    this.#sql.run(
      'INSERT INTO outbox (key, kind, lane, body, next_at) VALUES (?, ?, ?, ?, ?) ON CONFLICT (key) DO NOTHING',
      item.key,
      item.kind,
      item.lane,
      item.body,
      atMs,
    );
  }

  /** What may be started now: due, and first of its lane; the longest due first, at most `limit`. */
  due(nowMs: number, limit = MAX_DUE): OutboxItem[] {
    return this.#sql
      .all<OutboxRow>(
        `SELECT * FROM outbox AS o WHERE state = 'pending' AND next_at <= ?
         AND (lane IS NULL OR NOT EXISTS (
           SELECT 1 FROM outbox AS p WHERE p.lane = o.lane AND p.state = 'pending' AND p.n < o.n))
         ORDER BY next_at, n LIMIT ${limit}`,
        nowMs,
      )
      .map(itemOf);
  }

  /** Counts a try before it is made, so that one that kills its isolate still comes to an end. */
  begin(key: string): void {
    this.#sql.run('UPDATE outbox SET tries = tries + 1 WHERE key = ?', key);
  }

  done(key: string): void {
    this.#sql.run(`UPDATE outbox SET state = 'done', error = NULL WHERE key = ?`, key);
  }

  /** Schedules the next try or buries the item; says which. */
  fail(
    key: string,
    failure: {
      error: string;
      retryable: boolean;
      retryAfterMs: number | null;
      nowMs: number;
      random: number;
    },
  ): AfterFailure {
    const tries = this.get(key)?.tries ?? 1;
    const after = decideAfterFailure({ ...failure, tries });
    if (after.kind === 'retry')
      this.#sql.run('UPDATE outbox SET next_at = ?, error = ? WHERE key = ?', after.atMs, failure.error, key);
    else this.#sql.run(`UPDATE outbox SET state = 'dead', error = ? WHERE key = ?`, failure.error, key);
    return after;
  }

  /** Gives a dead item its tries back; false when it is not dead. */
  revive(key: string, nowMs: number): boolean {
    if (this.get(key)?.state !== 'dead') return false;
    this.#sql.run(`UPDATE outbox SET state = 'pending', tries = 0, next_at = ? WHERE key = ?`, nowMs, key);
    return true;
  }

  /** Whether an item of this kind waits for its first try: it will carry what is true by then. */
  hasUntried(kind: string): boolean {
    const query = `SELECT 1 AS one FROM outbox WHERE state = 'pending' AND tries = 0 AND kind = ? LIMIT 1`;
    return this.#sql.all(query, kind).length > 0;
  }

  get(key: string): OutboxItem | null {
    const row = this.#sql.all<OutboxRow>('SELECT * FROM outbox WHERE key = ?', key)[0];
    return row ? itemOf(row) : null;
  }

  /** Whether more than `limit` items wait. */
  hasMoreThan(limit: number): boolean {
    return this.#sql.all(`SELECT 1 FROM outbox WHERE state = 'pending' LIMIT 1 OFFSET ${limit}`).length > 0;
  }

  items(): OutboxItem[] {
    return this.#sql.all<OutboxRow>('SELECT * FROM outbox ORDER BY n').map(itemOf);
  }

  /** When the next pending item, the given ones left out, is due; null when there is none. */
  nextAt(except: ReadonlySet<string>): number | null {
    for (const row of this.#sql.all<{ key: string; next_at: number }>(
      `SELECT key, next_at FROM outbox AS o WHERE state = 'pending'
       AND (lane IS NULL OR NOT EXISTS (
         SELECT 1 FROM outbox AS p WHERE p.lane = o.lane AND p.state = 'pending' AND p.n < o.n))
       ORDER BY next_at LIMIT ${except.size + 1}`,
    ))
      if (!except.has(row.key)) return row.next_at;
    return null;
  }
}
