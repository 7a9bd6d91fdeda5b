import { and, desc, eq, gte, lte, type SQL, sql } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/d1';
import type { SQLiteColumn } from 'drizzle-orm/sqlite-core';
import { type Page, type PageRequest, pageOf, SEPARATOR } from '../db/queries.ts';
import { audit, auditSegments } from '../db/schema.ts';
import { readSegment, type StoredRow } from './segment.ts';

/** Segments opened for one page: each is a few megabytes at most once it is unpacked. */
const MAX_SEGMENTS = 6;
/** Rows of D1 that a text search looks into for one page. */
const MAX_SCANNED = 20_000;

export interface AuditFilter {
  incident: string | null;
  action: string | null;
  actor: string | null;
  run: string | null;
  /** Inclusive, epoch milliseconds. */
  fromMs: number | null;
  toMs: number | null;
  /** A piece of text anywhere in the row, upper or lower case. */
  q: string | null;
}

/** Where a row stands: newest first, and within a moment by chain and sequence, downwards. */
interface Place {
  at: number;
  chain: string;
  seq: number;
}

/** Everything at this moment or before. */
const momentEnd = (at: number): Place => ({ at, chain: '\u{10ffff}', seq: Number.MAX_SAFE_INTEGER });

export function comparePlaces(a: Place, b: Place): number {
  if (a.at !== b.at) return b.at - a.at;
  if (a.chain !== b.chain) return a.chain < b.chain ? 1 : -1;
  return b.seq - a.seq;
}

export const cursorOf = ({ at, chain, seq }: Place): string => [at, seq, chain].join(SEPARATOR);

/** Null: no cursor, or none of this list. */
export function placeOf(cursor: string | null): Place | null {
  const [, at, seq, chain] = /^(\d{1,16})~(\d{1,16})~(.*)$/.exec(cursor ?? '') ?? [];
  if (at === undefined || seq === undefined || chain === undefined) return null;
  return { at: Number(at), chain, seq: Number(seq) };
}

/**
 * The audit log, newest first, from D1 and the archive as if they were one. A page may hold fewer rows than
 * asked for, or none, and still have a cursor: then the search goes on there.
 */
export async function searchAudit(
  d1: D1Database,
  bucket: R2Bucket,
  ask: PageRequest & AuditFilter,
): Promise<Page<StoredRow>> {
  const after = placeOf(ask.cursor);
  const live = await fromD1(d1, ask, after);
  // Below this place nothing of D1 was looked at.
  const floorAt = live.floor?.at ?? Number.NEGATIVE_INFINITY;
  const segments = await segmentsFor(d1, ask, after, floorAt);
  const opened = segments.slice(0, MAX_SEGMENTS);
  const unopened = segments[MAX_SEGMENTS];
  const archived: StoredRow[] = [];
  for (const { key, sha256 } of opened)
    for (const row of await readSegment(bucket, key, sha256))
      if ((after === null || comparePlaces(after, row) < 0) && matches(row, ask)) archived.push(row);
  const floors = [live.floor, unopened ? momentEnd(unopened.toAt) : null].filter((floor) => floor !== null);
  const floor = floors.sort(comparePlaces)[0] ?? null;
  const rows = merged([...live.rows, ...archived]).filter(
    (row) => floor === null || comparePlaces(row, floor) <= 0,
  );
  const page = pageOf(rows, ask.limit, (row) => [row.at, `${row.seq}${SEPARATOR}${row.chain}`]);
  return page.cursor === null && floor !== null ? { ...page, cursor: cursorOf(floor) } : page;
}

/** Sorted, each row once: a row that was sent to D1 again after it was archived is in both. */
function merged(rows: StoredRow[]): StoredRow[] {
  const sorted = rows.sort(comparePlaces);
  return sorted.filter((row, index) => {
    const before = sorted[index - 1];
    return before === undefined || before.chain !== row.chain || before.seq !== row.seq;
  });
}

/** `floor`: the place down to which D1 was searched; null when to the end. */
async function fromD1(
  d1: D1Database,
  ask: PageRequest & AuditFilter,
  after: Place | null,
): Promise<{ rows: StoredRow[]; floor: Place | null }> {
  const db = drizzle(d1);
  const beyond = (place: Place | null): SQL | undefined =>
    place === null
      ? undefined
      : sql`(${audit.at}, ${audit.chain}, ${audit.seq}) < (${place.at}, ${place.chain}, ${place.seq})`;
  const asked = and(
    beyond(after),
    ask.incident === null ? undefined : eq(audit.incident, ask.incident),
    ask.action === null ? undefined : eq(audit.action, ask.action),
    ask.actor === null ? undefined : eq(audit.actor, ask.actor),
    ask.run === null ? undefined : eq(audit.run, ask.run),
    ask.fromMs === null ? undefined : gte(audit.at, ask.fromMs),
    ask.toMs === null ? undefined : lte(audit.at, ask.toMs),
  );
  const order = [desc(audit.at), desc(audit.chain), desc(audit.seq)] as const;
  let window: Place | null = null;
  if (ask.q !== null)
    window =
      (
        await db
          .select({ at: audit.at, chain: audit.chain, seq: audit.seq })
          .from(audit)
          .where(asked)
          .orderBy(...order)
          .limit(1)
          .offset(MAX_SCANNED - 1)
      )[0] ?? null;
  const rows = await db
    .select()
    .from(audit)
    .where(
      and(
        asked,
        window === null
          ? undefined
          : sql`(${audit.at}, ${audit.chain}, ${audit.seq}) >= (${window.at}, ${window.chain}, ${window.seq})`,
        ask.q === null ? undefined : sql`instr(lower(${TEXT_OF_ROW}), lower(${ask.q})) > 0`,
      ),
    )
    .orderBy(...order)
    .limit(ask.limit + 1);
  const last = rows.at(-1);
  return { rows, floor: rows.length > ask.limit && last !== undefined ? last : window };
}

const TEXT_OF_ROW = sql`${audit.chain} || ' ' || ${audit.actor} || ' ' || ${audit.action} || ' ' ||
  coalesce(${audit.run}, '') || ' ' || coalesce(${audit.model}, '') || ' ' || ${audit.data}`;

/** ASCII only, as SQLite's `lower`: a row is found alike before and after it is archived. */
const lower = (text: string): string => text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());

function matches(row: StoredRow, ask: AuditFilter): boolean {
  if (ask.incident !== null && row.incident !== ask.incident) return false;
  if (ask.action !== null && row.action !== ask.action) return false;
  if (ask.actor !== null && row.actor !== ask.actor) return false;
  if (ask.run !== null && row.run !== ask.run) return false;
  if (ask.fromMs !== null && row.at < ask.fromMs) return false;
  if (ask.toMs !== null && row.at > ask.toMs) return false;
  if (ask.q === null) return true;
  const text = [row.chain, row.actor, row.action, row.run ?? '', row.model ?? '', row.data].join(' ');
  return lower(text).includes(lower(ask.q));
}

/** Segments that may hold a wanted row, newest first: one more than are opened. */
async function segmentsFor(
  d1: D1Database,
  ask: AuditFilter,
  after: Place | null,
  floorAt: number,
): Promise<{ key: string; sha256: string; toAt: number }[]> {
  const holds = (column: SQLiteColumn, value: string | null): SQL | undefined =>
    value === null ? undefined : sql`EXISTS (SELECT 1 FROM json_each(${column}) WHERE value = ${value})`;
  const newest = Math.min(after?.at ?? Number.MAX_SAFE_INTEGER, ask.toMs ?? Number.MAX_SAFE_INTEGER);
  const oldest = Math.max(floorAt, ask.fromMs ?? 0, 0);
  return drizzle(d1)
    .select({ key: auditSegments.key, sha256: auditSegments.sha256, toAt: auditSegments.toAt })
    .from(auditSegments)
    .where(
      and(
        lte(auditSegments.fromAt, newest),
        gte(auditSegments.toAt, oldest),
        holds(auditSegments.incidents, ask.incident),
        holds(auditSegments.actions, ask.action),
        holds(auditSegments.actors, ask.actor),
      ),
    )
    .orderBy(desc(auditSegments.toAt))
    .limit(MAX_SEGMENTS + 1);
}
