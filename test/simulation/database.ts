import { DatabaseSync, type StatementSync } from 'node:sqlite';

export type Value = string | number | null | Uint8Array;
export type Row = Record<string, Value>;

interface Known {
  statement: StatementSync;
  /** Tables that it names; null: any, for it changes the schema. */
  tables: string[] | null;
  writes: boolean;
}

const WRITES = /^\s*(?:INSERT|UPDATE|DELETE|CREATE|DROP|ALTER|REPLACE)/i;
const CHANGES_SCHEMA = /^\s*(?:CREATE|DROP|ALTER)/i;
const TABLES = /\b(?:FROM|JOIN|INTO|UPDATE)\s+"?(\w+)/gi;
/** Written by triggers, and by SQLite itself, along with any table. */
const ALONG = /^(?:_backup|sqlite_sequence)/;
const ANY = '';
/** Longer answers are read again. */
const MAX_KNOWN_ROWS = 20;

/**
 * SQLite in memory that remembers its answers: objects ask the same again and again, and until one of its tables
 * is written to the answer to a question stays.
 */
export class Database {
  readonly sqlite = new DatabaseSync(':memory:');
  readonly #statements = new Map<string, Known>();
  readonly #answers = new Map<string, { rows: Row[]; at: number }>();
  /** When each table was last written to, counted in writes. */
  readonly #written = new Map<string, number>();
  #writes = 0;

  isWrite(query: string): boolean {
    return this.#prepared(query).writes;
  }

  /** Rows are frozen: more than one asker may hold them. */
  all(query: string, bindings: Value[]): Row[] {
    const { statement, tables, writes } = this.#prepared(query);
    if (writes) {
      this.#touch(tables);
      return statement.all(...bindings) as Row[];
    }
    const name = bindings.length === 0 ? query : `${query}\0${bindings.join('\0')}`;
    const answer = this.#answers.get(name);
    if (answer !== undefined && answer.at >= this.#lastWrite(tables)) return answer.rows.slice();
    const rows = statement.all(...bindings) as Row[];
    if (rows.length <= MAX_KNOWN_ROWS) {
      for (const row of rows) Object.freeze(row);
      this.#answers.set(name, { rows, at: this.#writes });
      return rows.slice();
    }
    return rows;
  }

  /** What was written since `SAVEPOINT` is taken back. */
  rollBackTo(savepoint: string): void {
    this.sqlite.exec(`ROLLBACK TO ${savepoint}; RELEASE ${savepoint}`);
    this.#touch(null);
  }

  #touch(tables: string[] | null): void {
    this.#writes += 1;
    for (const table of tables ?? [ANY]) this.#written.set(table, this.#writes);
  }

  #lastWrite(tables: string[] | null): number {
    if (tables === null) return this.#writes;
    let last = this.#written.get(ANY) ?? 0;
    for (const table of tables) {
      if (ALONG.test(table)) return this.#writes;
      last = Math.max(last, this.#written.get(table) ?? 0);
    }
    return last;
  }

  #prepared(query: string): Known {
    let known = this.#statements.get(query);
    if (!known) {
      const tables = [...query.matchAll(TABLES)].map(([, table]) => (table ?? '').toLowerCase());
      known = {
        statement: this.sqlite.prepare(query),
        tables: CHANGES_SCHEMA.test(query) ? null : tables,
        writes: WRITES.test(query),
      };
      this.#statements.set(query, known);
    }
    return known;
  }
}
