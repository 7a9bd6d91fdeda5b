import { desc, sql } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/d1';
import { auditRoots, type auditSegments } from '../db/schema.ts';
import { packSegment, readSegment, type StoredRow } from './segment.ts';

/** A segment is opened whole by a search: small enough for that, large enough that years are few objects. */
const MAX_ROWS = 2_000;
const MAX_BYTES = 4 * 1024 * 1024;
const DAY_MS = 86_400_000;

/** Start of the oldest month that stays: the current one and `keepMonths` full ones before it. */
export function keptFromMs(nowMs: number, keepMonths: number): number {
  const now = new Date(nowMs);
  return Date.UTC(now.getUTCFullYear(), now.getUTCMonth() - keepMonths, 1);
}

export const monthOf = (atMs: number): string => new Date(atMs).toISOString().slice(0, 7);

export function nextMonthMs(atMs: number): number {
  const at = new Date(atMs);
  return Date.UTC(at.getUTCFullYear(), at.getUTCMonth() + 1, 1);
}

type Place = Pick<StoredRow, 'at' | 'chain' | 'seq'>;

/**
 * Moves the oldest rows of months that are over, one bounded batch per call, oldest first. A row leaves D1 in
 * the transaction that writes the manifest, after the object in R2 was read back and found to hold it. What is
 * interrupted is done again. Gives how many rows were moved.
 */
export async function archiveAudit(
  d1: D1Database,
  bucket: R2Bucket,
  nowMs: number,
  keepMonths: number,
): Promise<number> {
  const untilMs = Math.min(keptFromMs(nowMs, keepMonths), await sealedUntilMs(d1));
  const batch = await nextBatch(d1, untilMs);
  const [first] = batch;
  const last = batch.at(-1);
  if (first === undefined || last === undefined) return 0;
  const rows = await drizzle(d1)
    .all<
      Record<string, unknown>
    >(sql`SELECT * FROM audit WHERE (at, chain, seq) >= (${first.at}, ${first.chain}, ${first.seq})
      AND (at, chain, seq) <= (${last.at}, ${last.chain}, ${last.seq}) ORDER BY at, chain, seq`)
    .then((found) => found.map(storedRow));
  const { gzip, sha256 } = await packSegment(rows);
  const month = monthOf(first.at);
  const key = `audit/${month}/${sha256}.ndjson.gz`;
  await bucket.put(key, gzip, { httpMetadata: { contentType: 'application/gzip' } });
  const kept = await readSegment(bucket, key, sha256);
  const written = await d1.batch(
    statements(d1, {
      key,
      month,
      fromAt: first.at,
      toAt: last.at,
      rows: kept,
      sizeBytes: gzip.byteLength,
      sha256,
      archivedAt: nowMs,
    }),
  );
  return written.at(-1)?.meta.changes ?? 0;
}

/** Rows of a day that has no root yet stay where the root is made from. */
async function sealedUntilMs(d1: D1Database): Promise<number> {
  const [latest] = await drizzle(d1)
    .select({ day: auditRoots.day })
    .from(auditRoots)
    .orderBy(desc(auditRoots.day))
    .limit(1);
  return latest ? Date.parse(latest.day) + DAY_MS : 0;
}

/** The places of the oldest rows: of one month, and together no larger than a segment. */
async function nextBatch(d1: D1Database, untilMs: number): Promise<Place[]> {
  const { results } = await d1
    .prepare(
      `SELECT at, chain, seq, length(data) + length(coalesce(reasoning, '')) + 500 AS size
       FROM audit WHERE at < ? ORDER BY at, chain, seq LIMIT ?`,
    )
    .bind(untilMs, MAX_ROWS)
    .all<Place & { size: number }>();
  const [oldest] = results;
  if (oldest === undefined) return [];
  const monthEndMs = nextMonthMs(oldest.at);
  const batch: Place[] = [];
  let bytes = 0;
  for (const { size, ...place } of results) {
    bytes += size;
    if (place.at >= monthEndMs || (bytes > MAX_BYTES && batch.length > 0)) break;
    batch.push(place);
  }
  return batch;
}

function statements(
  d1: D1Database,
  segment: Omit<typeof auditSegments.$inferInsert, 'rows' | 'incidents' | 'actions' | 'actors'> & {
    rows: readonly StoredRow[];
  },
): D1PreparedStatement[] {
  const { key, month, fromAt, toAt, rows, sizeBytes, sha256, archivedAt } = segment;
  const distinct = (pick: (row: StoredRow) => string | null) =>
    JSON.stringify([...new Set(rows.map(pick))].filter((value) => value !== null).sort());
  return [
    d1
      .prepare(
        `INSERT INTO audit_segments
           (key, month, from_at, to_at, rows, size_bytes, sha256, incidents, actions, actors, archived_at)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
      )
      .bind(
        key,
        month,
        fromAt,
        toAt,
        rows.length,
        sizeBytes,
        sha256,
        distinct((row) => row.incident),
        distinct((row) => row.action),
        distinct((row) => row.actor),
        archivedAt,
      ),
    d1
      .prepare(
        `INSERT INTO audit_segment_chains (chain, segment, first_seq, last_seq)
         SELECT json_extract(value, '$[0]'), ?, json_extract(value, '$[1]'), json_extract(value, '$[2]')
         FROM json_each(?) WHERE true ON CONFLICT DO NOTHING`,
      )
      .bind(key, JSON.stringify(stretches(rows))),
    d1
      .prepare(
        `DELETE FROM audit WHERE (chain, seq) IN
           (SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]') FROM json_each(?))`,
      )
      .bind(JSON.stringify(rows.map(({ chain, seq }) => [chain, seq]))),
  ];
}

/** Lowest and highest sequence of each chain. */
export function stretches(
  rows: readonly Pick<StoredRow, 'chain' | 'seq'>[],
): [chain: string, first: number, last: number][] {
  const found = new Map<string, [number, number]>();
  for (const { chain, seq } of rows) {
    const [first, last] = found.get(chain) ?? [seq, seq];
    found.set(chain, [Math.min(first, seq), Math.max(last, seq)]);
  }
  return [...found].map(([chain, [first, last]]) => [chain, first, last]);
}

function storedRow(row: Record<string, unknown>): StoredRow {
  const { cost_micro_usd: costMicroUsd, tool_calls: toolCalls, ...same } = row;
  return { ...same, costMicroUsd, toolCalls } as StoredRow;
}
