import { env, runInDurableObject } from 'cloudflare:test';
import { beforeAll, beforeEach, describe, expect, it, test } from 'vitest';
import { findFault } from '../../core/journal/hash-chain.ts';
import { type AzureWorld, azureDevOps, buildJson } from '../../workers/test/azure-devops.ts';
import { migrateDatabase } from '../../workers/test/database.ts';
import { Outside, until } from '../../workers/test/outside.ts';
import { sha256Hex } from '../shared/journal.ts';
import { sqlOf } from '../shared/sql.ts';
import { inboxByName } from '../stubs.ts';
import type { InboxRpc } from './inbox-rpc.ts';
import { type InboxEvent, InboxStore } from './inbox-store.ts';

let outside: Outside;
let world: AzureWorld;
let stub: DurableObjectStub;
let inbox: InboxRpc;
let n = 0;
beforeAll(migrateDatabase);
beforeEach(() => {
  outside = new Outside();
  world = azureDevOps(outside);
  n += 1;
  stub = env.INBOX.getByName(`test-${n}`);
  inbox = inboxByName(env, `test-${n}`);
});

const event = (id: string, build: number) => ({
  id,
  source: 'azure-devops' as const,
  delivery: id,
  type: 'build.complete',
  receivedAt: Date.now(),
  payload: { kind: 'build', project: { name: 'shop', id: null }, build },
  refusedBecause: null,
  body: '{"requestedFor":"Dana"}',
  bodyArtifact: null,
});

interface EventRow extends Record<string, string | number | null> {
  status: string;
  payload: string | null;
  body: string | null;
}
const stored = (id: string): Promise<EventRow | undefined> =>
  runInDurableObject(
    stub,
    (_, state) => state.storage.sql.exec<EventRow>('SELECT * FROM events WHERE id = ?', id).toArray()[0],
  );
const statusIs = (id: string, status: string) => until(async () => (await stored(id))?.status === status);

describe('the Inbox', () => {
  it('delivers once however often an event comes, and then forgets its body', async () => {
    world.builds.push(buildJson({ id: 1, ref: 'refs/heads/inbox-1' }));
    const answers = await Promise.all([1, 2, 3].map(() => inbox.accept(event('evt_a', 1))));
    expect(answers.map(({ status }) => status).sort()).toEqual(['accepted', 'duplicate', 'duplicate']);
    await statusIs('evt_a', 'delivered');
    expect(await stored('evt_a')).toMatchObject({ payload: null, body: null });
    expect(outside.asked('GET', /builds\/1\?/)).toHaveLength(2);
  });

  it('goes on after a crash between commit and delivery', async () => {
    world.builds.push(buildJson({ id: 2, ref: 'refs/heads/inbox-2' }));
    let isDown = true;
    outside.on(() => (isDown ? Response.json({ message: 'down' }, { status: 503 }) : undefined));
    await inbox.accept(event('evt_b', 2));
    await until(async () => outside.requests.length > 0);
    await runInDurableObject(stub, (_, state) => state.abort('a crash')).catch(() => {});
    isDown = false;
    stub = env.INBOX.getByName(`test-${n}`);
    await statusIs('evt_b', 'delivered');
  });

  it('buries an event after its last try, with the reason, and keeps what is needed to try again', async () => {
    outside.on(() => Response.json({ message: 'down' }, { status: 503 }));
    await inbox.accept(event('evt_c', 3));
    await until(async () => outside.requests.length > 0);
    await runInDurableObject(stub, (_, state) => {
      state.storage.sql.exec('UPDATE outbox SET tries = 5, next_at = 0');
    });
    await inbox.poke();
    await statusIs('evt_c', 'dead');
    expect((await stored('evt_c'))?.payload).toContain('"build":3');
    const row = await until(() =>
      env.DB.prepare(`SELECT * FROM dead_letters WHERE key = 'evt_c'`).first<{
        tries: number;
        error: string;
      }>(),
    );
    expect(row).toMatchObject({ tries: 6 });
    expect(row.error).toContain('503');
    world.builds.push(buildJson({ id: 3, result: 'succeeded' }));
    outside = new Outside();
    world.builds = azureDevOps(outside).builds;
    world.builds.push(buildJson({ id: 3, result: 'succeeded' }));
    expect(await inbox.retry('evt_c')).toBe(true);
    await statusIs('evt_c', 'ignored');
  });

  it('keeps a chain of what it did that holds from the first link on', async () => {
    await inbox.accept({ ...event('evt_d', 4), payload: null, refusedBecause: 'malformed' });
    await inbox.audit({ at: 1, actor: 'operator', action: 'stop', data: {}, subjects: {} });
    const rows = await until(async () => {
      const { results } = await env.DB.prepare('SELECT * FROM audit WHERE chain = ? ORDER BY seq')
        .bind(`test-${n}`)
        .all<{ chain: string; seq: number; prev: string; hash: string; data: string; actor: string }>();
      return results.length === 2 ? results : null;
    });
    expect(rows.map(({ actor }) => actor)).toEqual(['azure-devops', 'operator']);
    const links = rows.map(({ data, ...link }) => ({ ...link, content: JSON.parse(data) as unknown }));
    expect(findFault(links, sha256Hex)).toBeNull();
  });
});

const fromMachine = (id: string, source: 'azure-devops' | 'telegram' = 'azure-devops'): InboxEvent => ({
  id,
  source,
  delivery: id,
  type: 'x',
  receivedAt: 1_000,
  payload: { kind: 'push', project: { name: 'shop', id: null }, repository: null },
  refusedBecause: null,
  body: null,
  bodyArtifact: null,
});

test('what comes while none more can be delivered is committed at once, and taken on when a delivery ends', async () => {
  await runInDurableObject(env.INBOX.getByName('inbox-arrivals'), async (_, state) => {
    const open = () => new InboxStore(sqlOf(state.storage), 'inbox-arrivals', () => {});
    const store = open();
    const keys = (of: InboxStore) => of.outbox.items().map(({ key }) => key);
    expect(store.accept(fromMachine('evt_first'))).toBe('accepted');
    expect(store.arrivedSince).toBeNull();
    const ids = Array.from({ length: 60 }, (_, n) => `evt_${n}`);
    for (const id of ids) expect(store.accept(fromMachine(id), true)).toBe('accepted');
    expect(store.accept(fromMachine('evt_7'), true)).toBe('duplicate');
    expect(store.accept(fromMachine('evt_person', 'telegram'), true)).toBe('accepted');
    expect(keys(store)).toEqual(['evt_first', 'evt_person']);

    const afterCrash = open();
    expect(afterCrash.arrivedSince).toBe(1_000);
    expect(afterCrash.accept(fromMachine('evt_8'), true)).toBe('duplicate');
    expect(() =>
      state.storage.transactionSync(() => {
        afterCrash.delivered('evt_first', { status: 'ignored', target: null, reason: null }, 1, 2_000);
        throw new Error('rolled back');
      }),
    ).toThrow('rolled back');

    const last = open();
    last.delivered('evt_first', { status: 'ignored', target: null, reason: null }, 1, 2_000);
    expect(keys(last)).toEqual(['evt_first', 'evt_person', ...ids.slice(0, 50)]);
    expect(last.accept(fromMachine('evt_late'), true)).toBe('accepted');
    last.takeOn();
    expect(keys(last)).toEqual(['evt_first', 'evt_person', ...ids, 'evt_late']);
    expect(last.arrivedSince).toBeNull();
    expect(last.journal.findFault()).toBeNull();
    const told = last.journal.lines().filter(({ type }) => type === 'event_accepted');
    expect(told).toHaveLength(63);
    await state.storage.deleteAlarm();
  });
});

test('a shard with too much to do keeps no more of what machines send, and a person goes first', async () => {
  await runInDurableObject(env.INBOX.getByName('inbox-backlog'), async (_, state) => {
    const store = new InboxStore(sqlOf(state.storage), 'inbox-backlog', () => {});
    for (let n = 0; n <= 2_000; n++)
      expect(store.accept(fromMachine(`evt_${n}`), n % 2 === 0)).toBe('accepted');
    expect(store.accept(fromMachine('evt_more'))).toBe('busy');
    expect(store.accept(fromMachine('evt_7'))).toBe('duplicate');
    expect(store.accept(fromMachine('evt_person', 'telegram'))).toBe('accepted');
    expect(store.outbox.due(2_000, 1).map(({ key }) => key)).toEqual(['evt_person']);
    await state.storage.deleteAlarm();
  });
});
