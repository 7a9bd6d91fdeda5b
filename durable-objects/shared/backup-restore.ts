import { type BackupRow, backupTable, type PartHeader } from './backup-log.ts';
import { placeOf, rowsPrefix, unpack } from './backup-part.ts';
import type { Sql, SqlValue } from './sql.ts';

export interface Restored {
  rows: number;
  /** Rows for D1 up to this one belong to what was restored. */
  linesTo: number;
  /** The end of the object's journal; null: it keeps none. */
  head: { seq: number; hash: string } | null;
}

interface Kept {
  header: PartHeader;
  rows: Map<string, BackupRow>;
}

/**
 * Makes an object what its backup says it was; everything that it holds now goes. The tables are built as they
 * were when the part was written: what has been added to them since is for the object's own migrations. Null:
 * there is no backup of it. The object must begin anew afterwards, and does nothing until it is resumed.
 */
export async function restoreObject(
  sql: Sql,
  bucket: R2Bucket,
  objectType: string,
  object: string,
  nowMs: number,
): Promise<Restored | null> {
  const kept = await readRows(bucket, rowsPrefix(objectType, object));
  if (kept === null) return null;
  if (hasWorked(sql))
    throw new Error(`${objectType} ${object} has begun to work; restore into an empty instance`);
  const { header, rows } = kept;
  const statements = sql
    .all<{ n: number; statement: string }>('SELECT n, statement FROM _migrations ORDER BY n')
    .map(({ statement }) => statement);
  if (header.migrations > statements.length)
    throw new Error(
      `the backup of ${objectType} ${object} was made by a newer program; deploy that one first`,
    );
  sql.transaction(() => {
    dropAll(sql);
    const known = statements.slice(0, header.migrations);
    sql.run('CREATE TABLE _migrations (n INTEGER PRIMARY KEY, statement TEXT NOT NULL)');
    for (const [n, statement] of known.entries()) {
      sql.run(statement);
      sql.run('INSERT INTO _migrations (n, statement) VALUES (?, ?)', n, statement);
    }
    // Migrations fill tables too; what the backup says of them stands.
    for (const table of tablesOf(sql)) if (table !== '_migrations') sql.run(`DELETE FROM "${table}"`);
    for (const row of rows.values()) insert(sql, row);
    for (const [table, seq] of Object.entries(header.sequences)) continueAt(sql, table, seq);
    pause(sql, nowMs);
  });
  return { rows: rows.size, linesTo: header.linesTo, head: header.head };
}

/** The rows of the newest complete state. Throws when a part is missing or altered. */
async function readRows(bucket: R2Bucket, prefix: string): Promise<Kept | null> {
  const parts = (await listParts(bucket, prefix)).flatMap((part) => {
    const place = placeOf(part.key);
    return place === null ? [] : [{ ...part, ...place }];
  });
  const last = parts.findLast(({ complete }) => complete);
  if (last === undefined) return null;
  const wanted = parts.filter(({ generation, part }) => generation === last.generation && part <= last.part);
  const rows = new Map<string, BackupRow>();
  let header: PartHeader | null = null;
  for (const { key, sha256 } of wanted) {
    const found = await bucket.get(key);
    if (found === null) throw new Error(`the backup is damaged: ${key} is gone`);
    const [first, ...rest] = unpack(key, new Uint8Array(await found.arrayBuffer()), sha256);
    header = first as PartHeader;
    const { previous } = header;
    if (previous !== 0 && !wanted.some(({ part }) => part === previous))
      throw new Error(`the backup is damaged: part ${previous} before ${key} is gone`);
    for (const row of rest as BackupRow[]) {
      const name = `${row.table}/${row.id}`;
      rows.delete(name);
      if (row.row !== null) rows.set(name, row);
    }
  }
  return header === null ? null : { header, rows };
}

/** All parts under a prefix, oldest first. */
async function listParts(
  bucket: R2Bucket,
  prefix: string,
): Promise<{ key: string; sha256: string | undefined; complete: boolean }[]> {
  const parts: { key: string; sha256: string | undefined; complete: boolean }[] = [];
  let cursor: string | undefined;
  do {
    const page: R2Objects = await bucket.list({
      prefix,
      include: ['customMetadata'],
      ...(cursor === undefined ? {} : { cursor }),
    });
    for (const { key, customMetadata } of page.objects)
      parts.push({ key, sha256: customMetadata?.sha256, complete: customMetadata?.complete === 'true' });
    cursor = page.truncated ? page.cursor : undefined;
  } while (cursor !== undefined);
  return parts.sort((a, b) => (a.key < b.key ? -1 : 1));
}

/** These fill with what comes from outside, in an object that was not itself restored. */
const FILLED_BY_WORK: readonly string[] = ['events', 'messages', 'incident', 'run'];

function hasWorked(sql: Sql): boolean {
  const isRestored = sql.all('SELECT 1 FROM _backup WHERE paused = 1').length > 0;
  const tables = tablesOf(sql).filter((table) => FILLED_BY_WORK.includes(table));
  return !isRestored && tables.some((table) => sql.all(`SELECT 1 FROM "${table}" LIMIT 1`).length > 0);
}

const tablesOf = (sql: Sql): string[] =>
  sql
    .all<{ name: string }>(
      `SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%' AND name NOT LIKE '\\_cf\\_%' ESCAPE '\\'`,
    )
    .map(({ name }) => name);

/** Triggers and indexes go with their tables. */
function dropAll(sql: Sql): void {
  for (const table of tablesOf(sql)) sql.run(`DROP TABLE "${table}"`);
}

function insert(sql: Sql, { table, id, row }: BackupRow): void {
  const columns = Object.keys(row ?? {});
  const names = ['rowid', ...columns].map((name) => `"${name}"`).join(', ');
  const values: SqlValue[] = [id, ...(Object.values(row ?? {}) as SqlValue[])];
  sql.run(
    `INSERT OR REPLACE INTO "${table}" (${names}) VALUES (${values.map(() => '?').join(', ')})`,
    ...values,
  );
}

function continueAt(sql: Sql, table: string, seq: number): void {
  sql.run('DELETE FROM sqlite_sequence WHERE name = ?', table);
  sql.run('INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)', table, seq);
}

/**
 * The state of a `BackupLog` that has everything to write and must not begin. It watches nothing yet: the next
 * instance sets its triggers, and with them marks every row.
 */
function pause(sql: Sql, nowMs: number): void {
  sql.run(backupTable);
  sql.run(
    `INSERT INTO _backup (one, watched, generation, part, kept, rows, base, stale, paused)
     VALUES (1, -1, ?, 0, 0, 0, 0, 1, 1)`,
    nowMs,
  );
}
