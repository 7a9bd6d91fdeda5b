import { type ChainFault, GENESIS, linkOf } from '../../core/journal/hash-chain.ts';
import { sha256Hex } from '../../durable-objects/shared/journal.ts';
import { readSegment } from './segment.ts';

/** Rows checked in one call. */
const MAX_ROWS = 2_000;
const MAX_SEGMENTS = 6;

export interface Verification {
  chain: string;
  /** Rows checked in this call. */
  rows: number;
  /** The first place where the chain does not hold; null: it holds as far as it was checked. */
  fault: ChainFault | { seq: number; fault: 'archive_lost' } | null;
  /** The last row that holds. */
  head: { seq: number; hash: string };
  /** Goes on behind `head`; null: the end of the chain was reached, or a fault. */
  cursor: string | null;
}

interface LinkRow {
  seq: number;
  prev: string;
  hash: string;
  data: string;
}

/** Null: not a cursor of a verification. */
export function positionOf(cursor: string | null): { seq: number; hash: string } | null {
  if (cursor === null) return { seq: 0, hash: GENESIS };
  const [, seq, hash] = /^(\d{1,15})~([0-9a-f]{64})$/.exec(cursor) ?? [];
  return seq === undefined || hash === undefined ? null : { seq: Number(seq), hash };
}

/** Checks a stretch of a chain, row by row, wherever its rows lie. */
export async function verifyChain(
  d1: D1Database,
  bucket: R2Bucket,
  chain: string,
  from: { seq: number; hash: string },
): Promise<Verification> {
  const { rows, isEnd, lost } = await nextRows(d1, bucket, chain, from.seq);
  let head = from;
  for (const row of rows) {
    const fault = faultOf(chain, head, row);
    if (fault && lost !== null && lost <= fault.seq) break;
    if (fault) return { chain, rows: head.seq - from.seq, fault, head, cursor: null };
    head = { seq: row.seq, hash: row.hash };
  }
  if (lost !== null) {
    const fault = { seq: Math.max(lost, head.seq + 1), fault: 'archive_lost' } as const;
    return { chain, rows: head.seq - from.seq, fault, head, cursor: null };
  }
  const cursor = isEnd ? null : `${head.seq}~${head.hash}`;
  return { chain, rows: head.seq - from.seq, fault: null, head, cursor };
}

function faultOf(chain: string, head: { seq: number; hash: string }, row: LinkRow): ChainFault | null {
  const { seq } = row;
  if (seq !== head.seq + 1) return { seq: head.seq + 1, fault: 'gap' };
  if (row.prev !== head.hash) return { seq, fault: 'prev_differs' };
  let content: unknown;
  try {
    content = JSON.parse(row.data);
  } catch {
    return { seq, fault: 'hash_differs' };
  }
  const { hash } = linkOf(chain, seq, row.prev, content, sha256Hex);
  return hash === row.hash ? null : { seq, fault: 'hash_differs' };
}

/** The rows behind a sequence, each once, in order and without those that may be behind unread ones. */
async function nextRows(
  d1: D1Database,
  bucket: R2Bucket,
  chain: string,
  after: number,
): Promise<{ rows: LinkRow[]; isEnd: boolean; lost: number | null }> {
  const [live, stretches] = await Promise.all([
    d1
      .prepare('SELECT seq, prev, hash, data FROM audit WHERE chain = ? AND seq > ? ORDER BY seq LIMIT ?')
      .bind(chain, after, MAX_ROWS)
      .all<LinkRow>(),
    d1
      .prepare(
        `SELECT s.key, s.sha256, c.first_seq AS firstSeq FROM audit_segment_chains c
         JOIN audit_segments s ON s.key = c.segment
         WHERE c.chain = ? AND c.last_seq > ? ORDER BY c.first_seq LIMIT ?`,
      )
      .bind(chain, after, MAX_SEGMENTS + 1)
      .all<{ key: string; sha256: string; firstSeq: number }>(),
  ]);
  const found = new Map<number, LinkRow>();
  for (const row of live.results) found.set(row.seq, row);
  let lost: number | null = null;
  for (const { key, sha256, firstSeq } of stretches.results.slice(0, MAX_SEGMENTS)) {
    const segment = await readSegment(bucket, key, sha256).catch(() => null);
    if (segment === null) lost = Math.min(lost ?? firstSeq, firstSeq);
    for (const row of segment ?? []) if (row.chain === chain && row.seq > after) found.set(row.seq, row);
  }
  const limits = [
    live.results.length === MAX_ROWS ? (live.results.at(-1)?.seq ?? after) : Number.POSITIVE_INFINITY,
    (stretches.results[MAX_SEGMENTS]?.firstSeq ?? Number.POSITIVE_INFINITY) - 1,
  ];
  const known = [...found.values()].sort((a, b) => a.seq - b.seq);
  const rows = known.filter(({ seq }) => seq <= Math.min(...limits));
  const isEnd = limits.every((limit) => limit === Number.POSITIVE_INFINITY) || rows.length === 0;
  return { rows, isEnd, lost };
}

/** Names of all chains, in order. */
export async function listChains(
  d1: D1Database,
  after: string | null,
  limit: number,
): Promise<{ items: string[]; cursor: string | null }> {
  const { results } = await d1
    .prepare(
      `SELECT chain FROM (SELECT DISTINCT chain FROM audit UNION SELECT DISTINCT chain FROM audit_segment_chains)
       WHERE chain > ? ORDER BY chain LIMIT ?`,
    )
    .bind(after ?? '', limit + 1)
    .all<{ chain: string }>();
  const items = results.slice(0, limit).map(({ chain }) => chain);
  return { items, cursor: results.length > limit ? (items.at(-1) ?? null) : null };
}
