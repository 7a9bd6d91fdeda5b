import { env } from 'cloudflare:workers';
import { beforeAll, describe, expect, test } from 'vitest';
import { migrateDatabase } from '../test/database.ts';
import { rootOf, sealNextDay } from './audit-root.ts';
import { type Projection, writeProjections } from './projections.ts';

beforeAll(migrateDatabase);

const auditRow = (chain: string, seq: number, at: number): Projection => ({
  table: 'audit',
  row: { chain, seq, prev: `p${seq}`, hash: `${chain}${seq}`, at, actor: 'a', action: 'b', data: '{}' },
});

const incidentRow = (seq: number, status: string): Projection => ({
  table: 'incidents',
  row: {
    id: 'inc_1',
    seq,
    key: 'k',
    loop: 'l',
    episode: 1,
    status,
    title: 't',
    openedAt: 1,
    updatedAt: seq,
  },
});

const approvalRow = (seq: number, state: string, askedAt: number): Projection => ({
  table: 'approvals',
  row: {
    id: 'apr_1',
    seq,
    incident: 'inc_1',
    attempt: 1,
    commit: 'c',
    pullRequest: 7,
    url: 'u',
    state,
    askedAt,
  },
});

describe('rows from objects', () => {
  test('are written once, however often they are sent', async () => {
    await writeProjections(env.DB, [auditRow('x', 1, 5), auditRow('x', 2, 6)]);
    await writeProjections(env.DB, [auditRow('x', 1, 5), auditRow('x', 2, 6)]);
    const { results } = await env.DB.prepare(`SELECT seq FROM audit WHERE chain = 'x'`).all();
    expect(results).toHaveLength(2);
  });

  test('states go only forward, in whatever order they arrive', async () => {
    await writeProjections(env.DB, [incidentRow(5, 'fixing')]);
    await writeProjections(env.DB, [
      incidentRow(3, 'detected'),
      incidentRow(9, 'resolved'),
      incidentRow(7, 'verifying'),
    ]);
    expect(await env.DB.prepare('SELECT status, seq FROM incidents').first()).toEqual({
      status: 'resolved',
      seq: 9,
    });
  });

  test('an approval keeps the time when it was asked for', async () => {
    await writeProjections(env.DB, [approvalRow(1, 'waiting', 100), approvalRow(2, 'approved', 200)]);
    expect(await env.DB.prepare('SELECT state, asked_at FROM approvals').first()).toEqual({
      state: 'approved',
      asked_at: 100,
    });
  });

  test('a batch is all or nothing', async () => {
    const bad = { table: 'audit', row: { ...auditRow('y', 2, 1).row, hash: null } } as unknown as Projection;
    await expect(writeProjections(env.DB, [auditRow('y', 1, 1), bad])).rejects.toThrow();
    expect(await env.DB.prepare(`SELECT 1 FROM audit WHERE chain = 'y'`).first()).toBeNull();
  });
});

describe('the daily root', () => {
  const noon = Date.parse('2026-03-02T12:00:00Z');
  const yesterday = noon - 86_400_000;

  test('covers the heads of the chains that grew, once, and is an audit row itself', async () => {
    await writeProjections(env.DB, [
      auditRow('inc_a', 1, yesterday),
      auditRow('inc_a', 2, yesterday + 1),
      auditRow('inc_b', 1, yesterday),
      auditRow('inc_c', 1, noon),
    ]);
    const root = await sealNextDay(env.DB, noon);
    expect(root).toBe(
      rootOf('0'.repeat(64), '2026-03-01', [
        { chain: 'inc_b', seq: 1, hash: 'inc_b1' },
        { chain: 'inc_a', seq: 2, hash: 'inc_a2' },
      ]),
    );
    expect(await sealNextDay(env.DB, noon + 60_000)).toBeNull();
    const row = await env.DB.prepare(
      `SELECT action, seq, data FROM audit WHERE chain = 'audit-roots'`,
    ).first();
    expect(row).toMatchObject({ action: 'audit_root', seq: 1 });
    expect(String(row?.data)).toContain(root);
  });

  test('is taken only when the last rows of the day have arrived', async () => {
    expect(await sealNextDay(env.DB, Date.parse('2026-03-03T00:30:00Z'))).toBeNull();
    expect(await sealNextDay(env.DB, Date.parse('2026-03-03T01:00:00Z'))).not.toBeNull();
  });

  test('makes up for the days on which nobody called', async () => {
    const later = Date.parse('2026-03-05T12:00:00Z');
    for (let call = 0; call < 3; call++) await sealNextDay(env.DB, later + call);
    const { results } = await env.DB.prepare('SELECT day FROM audit_roots ORDER BY day').all();
    expect(results.map(({ day }) => day)).toEqual(['2026-03-01', '2026-03-02', '2026-03-03', '2026-03-04']);
  });
});
