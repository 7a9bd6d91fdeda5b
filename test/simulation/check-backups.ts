import { DatabaseSync } from 'node:sqlite';
import { hasTable } from './checks.ts';
import type { Row, Value } from './database.ts';
import type { ObjectState } from './objects.ts';
import { D1 } from './storage.ts';
import type { World } from './world.ts';

/** What reads backups: the Worker's own code, loaded with the product. */
export interface BackupReader {
  restoreObject(
    sql: unknown,
    bucket: unknown,
    type: string,
    object: string,
    nowMs: number,
  ): Promise<{ linesTo: number } | null>;
  readLines(
    bucket: unknown,
    name: { objectType: string; object: string },
    upTo: number,
    after: unknown,
    limit: number,
  ): Promise<{ rows: { table: string; row: object }[]; next: unknown }>;
  writeProjections(d1: unknown, rows: { table: string; row: object }[]): Promise<void>;
}

/** Tables of D1 that are made of rows from objects. */
const PROJECTED = [
  'audit',
  'costs',
  'incidents',
  'runs',
  'deliveries',
  'dead_letters',
  'approvals',
  'timers',
  'artifacts',
  'subjects',
];
/** Not kept, or kept for the backup itself. */
const NOT_COMPARED = /^_backup|^sqlite_|^(?:projection|nonces|sends|runners)$/;

/** Everything that is kept can be had back: each object, row for row, and D1 from what the objects told it. */
export async function checkBackups(world: World, reader: BackupReader): Promise<void> {
  const bucket = world.bucket.forChecks();
  const d1 = new D1AtOnce({
    clock: world.clock,
    random: world.random('check'),
    faults: world.faults,
    objects: () => world.objects,
  });
  for (const state of world.objects.states.values()) {
    const type = state.binding.toLowerCase();
    const fresh = emptyLike(state);
    const restored = await reader.restoreObject(sqlOf(fresh), bucket, type, state.name, world.clock.now);
    if (restored === null) {
      if (!isUntouched(state)) world.violate(`${state.title} has no backup`);
      continue;
    }
    for (const table of tablesOf(state.database.sqlite)) {
      const [was, is] = [state.database.sqlite, fresh].map((database) => allOf(database, table));
      if (was !== is) world.violate(`${state.title}: ${table} comes back as ${is} instead of ${was}`);
    }
    for (let after: unknown = null; ; ) {
      const name = { objectType: type, object: state.name };
      const page = await reader.readLines(bucket, name, restored.linesTo, after, 40);
      await reader.writeProjections(d1, page.rows);
      if (page.next === null) break;
      after = page.next;
    }
    fresh.close();
  }
  for (const table of PROJECTED) {
    // Its own roots D1 keeps in the manifests.
    const told = table === 'audit' ? `WHERE chain <> 'audit-roots'` : '';
    const query = `SELECT * FROM ${table} ${told} ORDER BY 1, 2, 3`;
    const [was, is] = [world.d1, d1].map((database) => JSON.stringify(database.rows(query)));
    if (was !== is) world.violate(`the table ${table} of D1 comes back differently`);
  }
  d1.close();
}

class D1AtOnce extends D1 {
  override async ask<T>(work: () => T): Promise<T> {
    return work();
  }
}

/** A database as a new object of this class has it. */
function emptyLike(state: ObjectState): DatabaseSync {
  const fresh = new DatabaseSync(':memory:');
  fresh.exec('CREATE TABLE _backup (paused INTEGER)');
  fresh.exec('CREATE TABLE _migrations (n INTEGER PRIMARY KEY, statement TEXT NOT NULL)');
  const add = fresh.prepare('INSERT INTO _migrations (n, statement) VALUES (?, ?)');
  const applied = hasTable(state, '_migrations') ? state.rows('SELECT n, statement FROM _migrations') : [];
  for (const { n, statement } of applied) {
    fresh.exec(String(statement));
    add.run(Number(n), String(statement));
  }
  return fresh;
}

function sqlOf(database: DatabaseSync) {
  const all = (query: string, ...values: Value[]) => database.prepare(query).all(...values);
  return {
    all,
    run: (query: string, ...values: Value[]) => void all(query, ...values),
    transaction: <T>(work: () => T): T => work(),
  };
}

const tablesOf = (database: DatabaseSync): string[] =>
  database
    .prepare(`SELECT name FROM sqlite_master WHERE type = 'table'`)
    .all()
    .map(({ name }) => String(name))
    .filter((name) => !NOT_COMPARED.test(name));

const allOf = (database: DatabaseSync, table: string): string =>
  JSON.stringify(
    database.prepare(`SELECT rowid AS "_rowid", * FROM "${table}" ORDER BY rowid`).all() as Row[],
  );

/** Asked something once, and nothing came of it; or it died before it had its tables, and nobody came back. */
const isUntouched = (state: ObjectState): boolean =>
  !hasTable(state, '_backup_dirty') || state.rows('SELECT 1 FROM _backup_dirty LIMIT 1').length === 0;
