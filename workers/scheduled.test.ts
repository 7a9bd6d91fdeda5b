import { env } from 'cloudflare:test';
import { beforeAll, expect, test } from 'vitest';
import type { Env } from './env.ts';
import { shardOf } from './routing/event-ids.ts';
import { tick } from './scheduled.ts';
import { migrateDatabase } from './test/database.ts';
import { Outside } from './test/outside.ts';

beforeAll(migrateDatabase);

/** Which inboxes a tick looks at. */
async function lookedAt(nowMs: number): Promise<string[]> {
  new Outside();
  const names: string[] = [];
  const INBOX = {
    getByName: (name: string) => {
      names.push(name);
      return { poke: async () => {} };
    },
  };
  await tick({ ...(env as Env), INBOX: INBOX as unknown as DurableObjectNamespace }, nowMs);
  return names;
}

test('an idle tick looks at two inboxes at most, and at each of them within sixteen minutes', async () => {
  const seen = new Set<string>();
  for (let minute = 0; minute < 16; minute++) {
    const names = await lookedAt(Date.UTC(2026, 10, 18, 15, minute));
    expect(names.length).toBeLessThanOrEqual(2);
    for (const name of names) seen.add(name);
  }
  expect(seen.size).toBe(16);
});

test('an inbox whose event has waited for too long is looked at', async () => {
  const nowMs = Date.UTC(2026, 10, 18, 15, 0);
  const insert = env.DB.prepare(
    `INSERT INTO deliveries (id, seq, source, delivery, type, status, received_at, updated_at, tries)
     VALUES (?, 1, 'azure-devops', ?, 'x', ?, ?, ?, 0)`,
  );
  const event = (last: string, status: string, at: number) =>
    insert.bind(`evt_0000000000000000000000000${last}`, last, status, at, at);
  await env.DB.batch([
    event('5', 'accepted', nowMs - 120_000),
    event('6', 'accepted', nowMs - 1_000),
    event('7', 'delivered', nowMs - 120_000),
  ]);
  const names = await lookedAt(nowMs);
  expect(names).toContain(`inbox-${shardOf('evt_00000000000000000000000005')}`);
  expect(names.length).toBeLessThanOrEqual(3);
});
