import type { Sql, SqlRow, SqlValue } from './sql.ts';

/**
 * Not in a backup: `projection` (its rows are kept as lines), what is asked anew anyway, and what a minute
 * makes worthless.
 */
const NOT_KEPT: readonly string[] = ['projection', 'nonces', 'sends', 'runners'];

export const backupTable = `CREATE TABLE IF NOT EXISTS _backup (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  watched INTEGER NOT NULL,
  generation INTEGER NOT NULL,
  part INTEGER NOT NULL,
  kept INTEGER NOT NULL,
  rows INTEGER NOT NULL,
  base INTEGER NOT NULL,
  stale INTEGER NOT NULL,
  paused INTEGER NOT NULL
)`;

/** A part of a backup is held in memory while it is written. */
const MAX_ROWS = 400;
const MAX_CHARS = 2_000_000;
/** Rows are up to 256 KB. */
const ROWS_PER_READ = 20;

/** One row of one table as it is now; null: it is gone. */
export interface BackupRow {
  table: string;
  id: number;
  row: SqlRow | null;
}

export interface BackupLine {
  n: number;
  /** A row for D1, JSON. */
  body: string;
}

/** What stands above the rows of a part. */
export interface PartHeader {
  /** All rows again begin a new generation; the highest one with a complete part counts. */
  generation: number;
  part: number;
  /** The part before it that was surely kept, 0 for none: without that one it is worth nothing. */
  previous: number;
  /** Together with the parts before it, it holds the object as it was at one moment. */
  complete: boolean;
  /** Rows for D1 up to this one belong to it. */
  linesTo: number;
  /** How many migrations the tables had seen. */
  migrations: number;
  /** Where AUTOINCREMENT goes on. */
  sequences: Record<string, number>;
  head: { seq: number; hash: string } | null;
}

export interface BackupPart {
  header: PartHeader;
  rows: BackupRow[];
  lines: BackupLine[];
  /** To be handed to `kept`. */
  marks: { table: string; id: number; v: number }[];
}

interface StateRow extends SqlRow {
  watched: number;
  generation: number;
  part: number;
  kept: number;
  rows: number;
  base: number;
  stale: number;
  paused: number;
}

/**
 * Which rows of an object its backup does not hold yet. Triggers mark them in the transaction that changes
 * them, whatever code that is; so nothing of a store has to know of backups.
 */
export class BackupLog {
  readonly #sql: Sql;

  constructor(sql: Sql, nowMs: number) {
    this.#sql = sql;
    sql.run(backupTable);
    this.#watch(nowMs);
  }

  /** Restored and not let go yet: it must do nothing. */
  get isPaused(): boolean {
    return this.#state()?.paused === 1;
  }

  resume(): void {
    this.#sql.run('UPDATE _backup SET paused = 0');
  }

  get isPending(): boolean {
    return (
      this.#sql.all<{ waits: number }>(
        `SELECT EXISTS (SELECT 1 FROM _backup_dirty) OR EXISTS (SELECT 1 FROM _backup_lines)
         OR EXISTS (SELECT 1 FROM _backup WHERE stale = 1) AS waits`,
      )[0]?.waits === 1
    );
  }

  /** The next part; null when all is kept. A part that was taken and not kept is taken again, under a new number. */
  take(): BackupPart | null {
    const marks = this.#sql.all<{ table: string; id: number; v: number }>(
      `SELECT tbl AS "table", id, v FROM _backup_dirty ORDER BY tbl, id LIMIT ${MAX_ROWS + 1}`,
    );
    const waiting = this.#sql.all<{ n: number; body: string }>(
      `SELECT n, body FROM _backup_lines ORDER BY n LIMIT ${MAX_ROWS + 1}`,
    );
    const state = this.#state();
    if (!state) throw new Error('this object is not watched');
    const isBegun = state.stale === 0 || state.base > 0;
    if (marks.length === 0 && waiting.length === 0 && isBegun) return null;
    const lines = upToSize(waiting.slice(0, MAX_ROWS), (line) => [line, line.body.length]);
    const rows = upToSize(this.#rowsOf(marks.slice(0, MAX_ROWS)), (row) => [
      row,
      JSON.stringify(row.row).length,
    ]);
    const part = state.part + 1;
    const sequences = this.#sequences();
    this.#sql.run('UPDATE _backup SET part = ?', part);
    return {
      header: {
        generation: state.generation,
        part,
        previous: state.kept,
        complete: rows.length === marks.length && lines.length === waiting.length,
        linesTo: sequences.projection ?? 0,
        migrations: state.watched,
        sequences,
        head: this.#head(),
      },
      rows,
      lines,
      marks: marks.slice(0, rows.length),
    };
  }

  /** The part is in R2: what has changed since it was taken stays marked. */
  kept({ marks, lines, header }: BackupPart, nowMs: number): void {
    this.#sql.transaction(() => {
      this.#sql.run(
        `DELETE FROM _backup_dirty WHERE (tbl, id, v) IN
         (SELECT value ->> 0, value ->> 1, value ->> 2 FROM json_each(?))`,
        JSON.stringify(marks.map(({ table, id, v }) => [table, id, v])),
      );
      const last = lines.at(-1);
      if (last) this.#sql.run('DELETE FROM _backup_lines WHERE n <= ?', last.n);
      if (this.#state()?.generation !== header.generation) return;
      this.#sql.run('UPDATE _backup SET kept = ?, rows = rows + ?', header.part, marks.length);
      const state = this.#state();
      if (!header.complete || !state) return;
      if (state.base === 0) this.#sql.run('UPDATE _backup SET base = max(rows, 1)');
      else if (isWorthRewriting(state)) this.rewrite(nowMs);
    });
  }

  /** The newest generation whose predecessors may go; null: there is nothing to throw away. */
  staleBefore(): number | null {
    const state = this.#state();
    return state?.stale === 1 && state.base > 0 ? state.generation : null;
  }

  swept(): void {
    this.#sql.run('UPDATE _backup SET stale = 0');
  }

  /** Writes everything anew and then throws the old away, with what was deleted from the object since. */
  rewrite(nowMs: number): void {
    this.#sql.transaction(() => {
      this.#sql.run(
        'UPDATE _backup SET generation = max(generation + 1, ?), part = 0, kept = 0, rows = 0, base = 0, stale = 1',
        nowMs,
      );
      for (const table of this.#tables()) this.#markAll(table);
    });
  }

  /** Creates what marks the rows; done again when migrations have changed the tables. */
  #watch(nowMs: number): void {
    const migrations = this.#sql.all<{ c: number }>('SELECT count(*) AS c FROM _migrations')[0]?.c ?? 0;
    const state = this.#state();
    if (state?.watched === migrations) return;
    this.#sql.transaction(() => {
      this.#sql.run(
        `CREATE TABLE IF NOT EXISTS _backup_dirty (tbl TEXT NOT NULL, id INTEGER NOT NULL, v INTEGER NOT NULL,
         PRIMARY KEY (tbl, id)) WITHOUT ROWID`,
      );
      this.#sql.run('CREATE TABLE IF NOT EXISTS _backup_lines (n INTEGER PRIMARY KEY, body TEXT NOT NULL)');
      const known = new Set(
        this.#sql
          .all<{ name: string }>(`SELECT name FROM sqlite_master WHERE type = 'trigger'`)
          .map(({ name }) => name),
      );
      for (const table of this.#tables()) {
        if (known.has(triggerName(table, 'insert'))) continue;
        for (const on of ['insert', 'update', 'delete'] as const) this.#sql.run(markingTrigger(table, on));
        this.#markAll(table);
      }
      if (this.#exists('projection') && !known.has('_backup_line'))
        this.#sql.run(
          `CREATE TRIGGER _backup_line AFTER INSERT ON projection BEGIN
           INSERT INTO _backup_lines (n, body) VALUES (NEW.n, NEW.body); END`,
        );
      if (state) {
        this.#sql.run('UPDATE _backup SET watched = ?', migrations);
        // Parts say which tables there are: what was written before is of others.
        this.#sql.run('DELETE FROM _backup_dirty');
        this.rewrite(nowMs);
      } else
        this.#sql.run(
          `INSERT INTO _backup (one, watched, generation, part, kept, rows, base, stale, paused)
           VALUES (1, ?, ?, 0, 0, 0, 0, 0, 0)`,
          migrations,
          nowMs,
        );
    });
  }

  /** The rows as they are now, read a few at a time. */
  *#rowsOf(marks: readonly { table: string; id: number }[]): Iterable<BackupRow> {
    for (let from = 0; from < marks.length; ) {
      const table = marks[from]?.table ?? '';
      const some = marks.slice(from, from + ROWS_PER_READ).filter((mark) => mark.table === table);
      const found = new Map<SqlValue | undefined, SqlRow>();
      for (const { _rowid, ...row } of this.#sql.all(
        `SELECT t.rowid AS _rowid, t.* FROM json_each(?) AS j JOIN "${table}" AS t ON t.rowid = j.value`,
        JSON.stringify(some.map(({ id }) => id)),
      ))
        found.set(_rowid, row);
      for (const { id } of some) yield { table, id, row: found.get(id) ?? null };
      from += some.length;
    }
  }

  #markAll(table: string): void {
    this.#sql.run(
      `INSERT INTO _backup_dirty (tbl, id, v) SELECT ?, rowid, 0 FROM "${table}" WHERE true
       ON CONFLICT (tbl, id) DO UPDATE SET v = v + 1`,
      table,
    );
  }

  #tables(): string[] {
    const tables = this.#sql.all<{ name: string; sql: string }>(
      `SELECT name, sql FROM sqlite_master WHERE type = 'table' AND substr(name, 1, 1) <> '_'
       AND name NOT LIKE 'sqlite%'`,
    );
    const kept = tables.filter(({ name }) => !NOT_KEPT.includes(name));
    for (const { name, sql } of kept)
      if (/without\s+rowid/i.test(sql)) throw new Error(`a table without rowid has no backup: ${name}`);
    return kept.map(({ name }) => name);
  }

  #exists(table: string): boolean {
    return this.#sql.all(`SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?`, table).length > 0;
  }

  #state(): StateRow | undefined {
    return this.#sql.all<StateRow>('SELECT * FROM _backup')[0];
  }

  #sequences(): Record<string, number> {
    if (!this.#exists('sqlite_sequence')) return {};
    const rows = this.#sql.all<{ name: string; seq: number }>('SELECT name, seq FROM sqlite_sequence');
    return Object.fromEntries(rows.map(({ name, seq }) => [name, seq]));
  }

  #head(): { seq: number; hash: string } | null {
    if (!this.#exists('journal')) return null;
    return (
      this.#sql.all<{ seq: number; hash: string }>(
        'SELECT seq, hash FROM journal ORDER BY seq DESC LIMIT 1',
      )[0] ?? null
    );
  }
}

/** As many as fit into a part, one at least. */
function upToSize<In, Out>(items: Iterable<In>, read: (item: In) => [Out, chars: number]): Out[] {
  const found: Out[] = [];
  let size = 0;
  for (const item of items) {
    const [out, chars] = read(item);
    size += chars;
    if (size > MAX_CHARS && found.length > 0) break;
    found.push(out);
  }
  return found;
}

/** Where most of what lies there was replaced since, or many small parts hold little. */
const isWorthRewriting = ({ rows, base, kept }: StateRow): boolean =>
  rows > 3 * base + 2_000 || (kept >= 40 && base <= 2_000);

const triggerName = (table: string, on: string): string => `_backup_${on}_${table}`;

function markingTrigger(table: string, on: 'insert' | 'update' | 'delete'): string {
  const row = on === 'delete' ? 'OLD' : 'NEW';
  return `CREATE TRIGGER "${triggerName(table, on)}" AFTER ${on} ON "${table}" BEGIN
    INSERT INTO _backup_dirty (tbl, id, v) VALUES ('${table}', ${row}.rowid, 0)
    ON CONFLICT (tbl, id) DO UPDATE SET v = v + 1; END`;
}
