import { desc } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/d1';
import type { Restored } from '../../durable-objects/shared/backup-restore.ts';
import { type ObjectName, objectStub } from '../../durable-objects/stubs.ts';
import { writeProjections } from '../db/projections.ts';
import { restores } from '../db/schema.ts';
import type { Env } from '../env.ts';
import { Refusal } from '../problems.ts';
import { newestManifest, readD1Backup } from './manifest.ts';
import { type LinesCursor, readLines } from './read-lines.ts';

/** As many rows of D1 as one call may write on the free plan. */
const ROWS_PER_CALL = 40;

/** What an instance that has worked has some of. */
const SIGNS_OF_WORK = ['incidents', 'runs', 'deliveries', 'costs'] as const;
/** Rows that a new instance may have made by itself: its clock ticks. */
const EMPTIED = [
  'audit',
  'audit_roots',
  'timers',
  'dead_letters',
  'approvals',
  'artifacts',
  'subjects',
  'periodic_posts',
] as const;

export interface OpenRestore {
  startedAt: number;
  /** All is back; what remains is to let the objects go. */
  isFilled: boolean;
}

/** The restore that is going on; while it does, nothing else of the instance works. */
export async function openRestore(d1: D1Database): Promise<OpenRestore | null> {
  const [latest] = await drizzle(d1).select().from(restores).orderBy(desc(restores.startedAt)).limit(1);
  if (latest === undefined || latest.endedAt !== null) return null;
  return { startedAt: latest.startedAt, isFilled: latest.filledAt !== null };
}

/** Opens the restore of an instance that has done nothing yet. Asked again, it goes on with the one that is open. */
export async function beginRestore(env: Env, nowMs: number): Promise<OpenRestore> {
  const open = await openRestore(env.DB);
  if (open !== null) return open;
  for (const table of SIGNS_OF_WORK)
    if ((await env.DB.prepare(`SELECT 1 FROM ${table} LIMIT 1`).first()) !== null)
      throw new Refusal('conflict', `this instance is not empty: it has ${table}; restore into a new one`);
  await env.DB.batch([
    ...EMPTIED.map((table) => env.DB.prepare(`DELETE FROM ${table}`)),
    env.DB.prepare('INSERT INTO restores (started_at) VALUES (?)').bind(nowMs),
  ]);
  return { startedAt: nowMs, isFilled: false };
}

/** One object becomes what its backup says. It does nothing until the restore ends. */
export async function restoreObjectOf(env: Env, name: ObjectName): Promise<Restored> {
  await requireOpen(env);
  const stub = stubOf(env, name);
  const { restored } = await stub.backup('restore');
  if (restored === null)
    throw new Refusal('not_found', `no whole backup of ${name.objectType} ${name.object} was ever written`);
  // It answers nothing: it is gone, and the next call finds it as it was restored.
  await stub.backup('begin_anew').catch(() => {});
  return restored;
}

/** Writes what the object has told to D1, a page at a time. Gives where to go on; null: all is written. */
export async function restoreLines(
  env: Env,
  name: ObjectName,
  linesTo: number,
  after: LinesCursor | null,
): Promise<{ rows: number; next: LinesCursor | null }> {
  await requireOpen(env);
  const { rows, next } = await readLines(env.ARTIFACTS, name, linesTo, after, ROWS_PER_CALL);
  await writeProjections(env.DB, rows);
  return { rows: rows.length, next };
}

/**
 * Writes what D1 holds of its own, as the newest manifest has it: the last step before the objects are let go.
 * Null: no manifest was ever made.
 */
export async function restoreD1Own(env: Env, nowMs: number): Promise<{ day: string; rows: number } | null> {
  await requireOpen(env);
  const manifest = await newestManifest(env.ARTIFACTS);
  const own = manifest === null ? null : await readD1Backup(env.ARTIFACTS, manifest.day);
  const tables = {
    audit_roots: own?.auditRoots ?? [],
    audit: own?.rootsChain ?? [],
    periodic_posts: own?.periodicPosts ?? [],
  };
  const statements = Object.entries(tables).flatMap(([table, rows]) =>
    rows.map((row) => insertOf(env.DB, table, row)),
  );
  for (let from = 0; from < statements.length; from += ROWS_PER_CALL)
    await env.DB.batch(statements.slice(from, from + ROWS_PER_CALL));
  await env.DB.prepare('UPDATE restores SET filled_at = ? WHERE ended_at IS NULL').bind(nowMs).run();
  return manifest === null ? null : { day: manifest.day, rows: statements.length };
}

function insertOf(d1: D1Database, table: string, row: Record<string, unknown>): D1PreparedStatement {
  const columns = Object.keys(row).map((column) => `"${column}"`);
  const holes = columns.map(() => '?');
  return d1
    .prepare(
      `INSERT INTO ${table} (${columns.join(', ')}) VALUES (${holes.join(', ')}) ON CONFLICT DO NOTHING`,
    )
    .bind(...Object.values(row));
}

/** Lets one object go: what was on its way goes on, timers are set. */
export async function resumeObject(env: Env, name: ObjectName): Promise<void> {
  await requireOpen(env);
  await stubOf(env, name).backup('resume');
}

/** The instance works from here on. */
export async function endRestore(env: Env, nowMs: number): Promise<void> {
  await requireOpen(env);
  await env.DB.prepare('UPDATE restores SET ended_at = ? WHERE ended_at IS NULL').bind(nowMs).run();
}

async function requireOpen(env: Env): Promise<void> {
  if ((await openRestore(env.DB)) === null)
    throw new Refusal('conflict', 'no restore is going on; begin one first');
}

function stubOf(env: Env, name: ObjectName) {
  const stub = objectStub(env, name);
  if (stub === null) throw new Refusal('not_found', `there is no kind of object ${name.objectType}`);
  return stub;
}
