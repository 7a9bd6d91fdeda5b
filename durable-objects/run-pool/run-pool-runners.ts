import type { RunnerPlace } from '../../core/pool/slots.ts';
import type { Sql } from '../shared/sql.ts';

export interface RunnerSeen {
  name: string;
  lastSeenAt: number;
  capacity: number;
  running: number;
  problems: string[];
}

/** Expired nonces removed per look. */
const PURGE = 500;

/** What runners said of themselves, which of them are drained, and which of their requests were seen. */
export class Runners {
  readonly #sql: Sql;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  seen({ name, lastSeenAt, capacity, running, problems }: RunnerSeen): void {
    this.#sql.run(
      `INSERT OR REPLACE INTO runners (name, last_seen_at, capacity, running, problems)
       VALUES (?, ?, ?, ?, ?)`,
      name,
      lastSeenAt,
      capacity,
      running,
      JSON.stringify(problems),
    );
  }

  list(): RunnerSeen[] {
    return this.#sql
      .all<Omit<RunnerSeen, 'problems'> & { problems: string }>(
        'SELECT name, last_seen_at AS lastSeenAt, capacity, running, problems FROM runners ORDER BY name',
      )
      .map((row) => ({ ...row, problems: JSON.parse(row.problems) as string[] }));
  }

  /** Those that may be given work, as they are known. */
  places(names: readonly string[]): RunnerPlace[] {
    const seen = this.list();
    const drained = this.drained();
    return names.map((name) => {
      const known = seen.find((runner) => runner.name === name);
      return {
        name,
        capacity: known?.capacity ?? null,
        lastSeenAt: known?.lastSeenAt ?? null,
        drained: drained.has(name),
      };
    });
  }

  drained(): ReadonlySet<string> {
    return new Set(
      this.#sql.all<{ runner: string }>('SELECT runner FROM drained').map(({ runner }) => runner),
    );
  }

  /** False when it was so already. */
  setDrained(runner: string, drained: boolean, by: string, nowMs: number): boolean {
    if (this.drained().has(runner) === drained) return false;
    if (drained) this.#sql.run('INSERT INTO drained (runner, since, by) VALUES (?, ?, ?)', runner, nowMs, by);
    else this.#sql.run('DELETE FROM drained WHERE runner = ?', runner);
    return true;
  }

  /** False when it was seen before. */
  rememberNonce(keyId: string, nonce: string, expiresAt: number, nowMs: number): boolean {
    this.#sql.run(
      `DELETE FROM nonces WHERE rowid IN (SELECT rowid FROM nonces WHERE expires_at < ? LIMIT ${PURGE})`,
      nowMs,
    );
    const added = this.#sql.all(
      `INSERT INTO nonces (key_id, nonce, expires_at) VALUES (?, ?, ?)
       ON CONFLICT DO NOTHING RETURNING 1 AS one`,
      keyId,
      nonce,
      expiresAt,
    );
    return added.length > 0;
  }
}
