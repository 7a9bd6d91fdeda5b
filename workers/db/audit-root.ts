import { and, desc, eq, gte, lt, sql } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/d1';
import { canonicalJson } from '../../core/journal/canonical-json.ts';
import { GENESIS, linkOf } from '../../core/journal/hash-chain.ts';
import { sha256Hex } from '../../durable-objects/shared/journal.ts';
import { audit, auditRoots } from './schema.ts';

const DAY_MS = 86_400_000;
/** Rows reach D1 a moment after they were written; a day is sealed when none can be on its way. */
const SETTLED_MS = 3_600_000;
const CHAIN = 'audit-roots';

export interface Head {
  chain: string;
  seq: number;
  hash: string;
}

export const dayOf = (atMs: number): string => new Date(atMs).toISOString().slice(0, 10);

/** One digest over the day before it and the heads of all chains that grew on the day. */
export function rootOf(previous: string, day: string, heads: readonly Head[]): string {
  const sorted = [...heads].sort((a, b) => (a.chain < b.chain ? -1 : 1));
  return sha256Hex(canonicalJson({ previous, day, heads: sorted }));
}

/** The last row of every chain that grew between two times. */
async function headsBetween(d1: D1Database, fromMs: number, toMs: number): Promise<Head[]> {
  return drizzle(d1)
    .select({ chain: audit.chain, seq: sql<number>`max(${audit.seq})`, hash: audit.hash })
    .from(audit)
    .where(and(gte(audit.at, fromMs), lt(audit.at, toMs), sql`${audit.chain} <> ${CHAIN}`))
    .groupBy(audit.chain);
}

/**
 * Seals the oldest day that is over and not sealed: its root, and the root as an audit row of a chain of its
 * own. Calling it every minute is fine, and makes up for days without a call. Null: nothing to do yet.
 */
export async function sealNextDay(d1: D1Database, nowMs: number): Promise<string | null> {
  const startMs = Math.floor(nowMs / DAY_MS) * DAY_MS;
  if (nowMs - startMs < SETTLED_MS) return null;
  const db = drizzle(d1);
  const [latest] = await db.select().from(auditRoots).orderBy(desc(auditRoots.day)).limit(1);
  const dayMs = latest ? Date.parse(latest.day) + DAY_MS : startMs - DAY_MS;
  if (dayMs >= startMs) return null;
  const day = dayOf(dayMs);
  const heads = await headsBetween(d1, dayMs, dayMs + DAY_MS);
  const root = rootOf(latest?.root ?? GENESIS, day, heads);
  const [last] = await db
    .select()
    .from(audit)
    .where(eq(audit.chain, CHAIN))
    .orderBy(desc(audit.seq))
    .limit(1);
  const content = { at: nowMs, type: 'audit_root', v: 1, data: { day, root, chains: heads.length } };
  const link = linkOf(CHAIN, (last?.seq ?? 0) + 1, last?.hash ?? GENESIS, content, sha256Hex);
  await db.batch([
    db.insert(auditRoots).values({ day, root, chains: heads.length, at: nowMs }).onConflictDoNothing(),
    db
      .insert(audit)
      .values({ ...link, at: nowMs, actor: 'dogwatch', action: 'audit_root', data: canonicalJson(content) })
      .onConflictDoNothing(),
  ]);
  return root;
}
