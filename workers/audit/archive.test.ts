import { env } from 'cloudflare:workers';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { canonicalJson } from '../../core/journal/canonical-json.ts';
import { GENESIS, linkOf } from '../../core/journal/hash-chain.ts';
import { sha256Hex } from '../../durable-objects/shared/journal.ts';
import { type Projection, writeProjections } from '../db/projections.ts';
import { migrateDatabase } from '../test/database.ts';
import { archiveAudit, keptFromMs } from './archive.ts';
import { type AuditFilter, searchAudit } from './search.ts';
import type { StoredRow } from './segment.ts';
import { positionOf, verifyChain } from './verify.ts';

const NOW = Date.parse('2026-11-20T12:00:00Z');
const DAY_MS = 86_400_000;
const ANY: AuditFilter = {
  incident: null,
  action: null,
  actor: null,
  run: null,
  fromMs: null,
  toMs: null,
  q: null,
};

beforeAll(migrateDatabase);
beforeEach(async () => {
  await env.DB.exec('DELETE FROM audit');
  await env.DB.exec('DELETE FROM audit_segments');
  await env.DB.exec('DELETE FROM audit_segment_chains');
  await env.DB.exec(
    `INSERT OR REPLACE INTO audit_roots (day, root, chains, at) VALUES ('2026-11-19', 'r', 1, 1)`,
  );
});

/** A true chain, one row every `stepMs` from `fromMs` on. */
function chainOf(chain: string, length: number, fromMs: number, stepMs: number): Projection[] {
  let prev = GENESIS;
  return Array.from({ length }, (_, index) => {
    const seq = index + 1;
    const at = fromMs + index * stepMs;
    const content = { at, type: 'note', v: 1, data: { n: seq, text: `Row number ${seq} of ${chain}` } };
    const link = linkOf(chain, seq, prev, content, sha256Hex);
    prev = link.hash;
    const incident = chain.startsWith('inc_') ? chain : null;
    const actor = seq % 2 === 0 ? 'cody' : 'ryan';
    return {
      table: 'audit',
      row: { ...link, at, actor, action: `note_${seq % 3}`, incident, data: canonicalJson(content) },
    };
  });
}

async function write(projections: Projection[]): Promise<void> {
  for (let at = 0; at < projections.length; at += 50)
    await writeProjections(env.DB, projections.slice(at, at + 50));
}

async function archiveAll(keepMonths = 3): Promise<number[]> {
  const moved: number[] = [];
  for (;;) {
    const count = await archiveAudit(env.DB, env.ARTIFACTS, NOW, keepMonths);
    if (count === 0) return moved;
    moved.push(count);
  }
}

async function searchAll(filter: Partial<AuditFilter>, limit = 50): Promise<StoredRow[]> {
  const rows: StoredRow[] = [];
  let cursor: string | null = null;
  do {
    const page: { items: StoredRow[]; cursor: string | null } = await searchAudit(env.DB, env.ARTIFACTS, {
      ...ANY,
      ...filter,
      limit,
      cursor,
    });
    rows.push(...page.items);
    cursor = page.cursor;
  } while (cursor !== null);
  return rows;
}

const liveRows = async (): Promise<number> =>
  (await env.DB.prepare('SELECT count(*) AS n FROM audit').first<{ n: number }>())?.n ?? 0;

test('three full months stay beside the current one', () => {
  expect(new Date(keptFromMs(NOW, 3)).toISOString()).toBe('2026-08-01T00:00:00.000Z');
  expect(new Date(keptFromMs(Date.parse('2026-01-31T23:59:59Z'), 3)).toISOString()).toBe(
    '2025-10-01T00:00:00.000Z',
  );
});

describe('the archive', () => {
  test('takes older months only, one segment per batch and month, and a search finds every row once, in order', async () => {
    // From January to October, two rows a day in two chains.
    const from = Date.parse('2026-01-05T00:00:00Z');
    await write([...chainOf('inc_one', 300, from, DAY_MS), ...chainOf('run_two', 300, from + 1, DAY_MS)]);
    const before = await searchAll({}, 200);
    const moved = await archiveAll();
    expect(moved.length).toBe(7);
    const { results } = await env.DB.prepare('SELECT month FROM audit_segments ORDER BY month').all();
    expect(results.map(({ month }) => month)).toEqual(
      ['01', '02', '03', '04', '05', '06', '07'].map((month) => `2026-${month}`),
    );
    expect(await liveRows()).toBe(600 - moved.reduce((sum, n) => sum + n, 0));
    const oldest = await env.DB.prepare('SELECT min(at) AS at FROM audit').first<{ at: number }>();
    expect(oldest?.at).toBeGreaterThanOrEqual(keptFromMs(NOW, 3));
    for (const limit of [7, 50, 200]) expect(await searchAll({}, limit)).toEqual(before);
  });

  test('is searched by incident, action, actor, time and text like the rows that stayed', async () => {
    const from = Date.parse('2026-05-01T00:00:00Z');
    await write([...chainOf('inc_one', 180, from, DAY_MS), ...chainOf('inc_two', 180, from + 1, DAY_MS)]);
    const filters: Partial<AuditFilter>[] = [
      { incident: 'inc_two' },
      { action: 'note_1', actor: 'cody' },
      { q: 'row NUMBER 17' },
      { fromMs: from + 10 * DAY_MS, toMs: from + 120 * DAY_MS, incident: 'inc_one' },
      { q: 'nowhere to be found' },
    ];
    const before = [];
    for (const filter of filters) before.push(await searchAll(filter, 20));
    await archiveAll();
    expect(await liveRows()).toBeLessThan(200);
    for (const [index, filter] of filters.entries())
      expect(await searchAll(filter, 20)).toEqual(before[index]);
    expect(before.map(({ length }) => length)).toEqual([180, 60, 22, 111, 0]);
  });

  test('leaves D1 as it is when the object cannot be read back, and does it again', async () => {
    await write(chainOf('inc_one', 10, Date.parse('2026-05-01T00:00:00Z'), DAY_MS));
    const lossy = { put: async () => null, get: async () => null } as unknown as R2Bucket;
    await expect(archiveAudit(env.DB, lossy, NOW, 3)).rejects.toThrow('gone');
    const broken = {
      put: async () => null,
      get: async () => new Response(new Uint8Array([1, 2, 3])),
    } as unknown as R2Bucket;
    await expect(archiveAudit(env.DB, broken, NOW, 3)).rejects.toThrow();
    expect(await liveRows()).toBe(10);
    expect(await archiveAll()).toEqual([10]);
  });

  test('two ticks at once move a row once', async () => {
    await write(chainOf('inc_one', 40, Date.parse('2026-05-01T00:00:00Z'), 1_000));
    await Promise.all([1, 2, 3].map(() => archiveAudit(env.DB, env.ARTIFACTS, NOW, 3)));
    expect(await searchAll({})).toHaveLength(40);
    expect(await env.DB.prepare('SELECT count(*) AS n FROM audit_segments').first()).toEqual({ n: 1 });
  });

  test('does not touch a day without a root', async () => {
    await env.DB.exec('DELETE FROM audit_roots');
    await write(chainOf('inc_one', 3, Date.parse('2026-05-01T00:00:00Z'), 1_000));
    expect(await archiveAll()).toEqual([]);
  });
});

describe('a chain', () => {
  const from = Date.parse('2026-05-01T00:00:00Z');
  const start = positionOf(null) ?? { seq: 0, hash: '' };
  const verify = (chain: string) => verifyChain(env.DB, env.ARTIFACTS, chain, start);

  test('is verified across D1 and the archive', async () => {
    await write(chainOf('inc_one', 180, from, DAY_MS));
    await archiveAll();
    expect(await verify('inc_one')).toMatchObject({
      rows: 180,
      fault: null,
      cursor: null,
      head: { seq: 180 },
    });
  });

  test('that is long is verified piece by piece', async () => {
    await write(chainOf('inbox-1', 2_100, from, 1_000));
    const first = await verify('inbox-1');
    expect(first).toMatchObject({ rows: 2_000, fault: null });
    const position = positionOf(first.cursor);
    expect(position && (await verifyChain(env.DB, env.ARTIFACTS, 'inbox-1', position))).toMatchObject({
      rows: 100,
      fault: null,
      cursor: null,
      head: { seq: 2_100 },
    });
  });

  test('shows where a row was changed or taken out', async () => {
    await write(chainOf('inc_one', 180, from, DAY_MS));
    await archiveAll();
    await env.DB.exec(`UPDATE audit SET data = replace(data, 'Row', 'Raw') WHERE seq = 150`);
    expect((await verify('inc_one')).fault).toEqual({ seq: 150, fault: 'hash_differs' });
    await env.DB.exec('DELETE FROM audit WHERE seq = 140');
    expect((await verify('inc_one')).fault).toEqual({ seq: 140, fault: 'gap' });
  });

  test('does not hold when its segment was altered', async () => {
    await write(chainOf('inc_one', 20, from, DAY_MS));
    await archiveAll();
    const segment = await env.DB.prepare('SELECT key FROM audit_segments').first<{ key: string }>();
    await env.ARTIFACTS.put(segment?.key ?? '', new Uint8Array([31, 139]));
    expect((await verify('inc_one')).fault).toEqual({ seq: 1, fault: 'archive_lost' });
  });
});
