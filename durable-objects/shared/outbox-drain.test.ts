import { runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { expect, test } from 'vitest';
import { migrate } from './migrate.ts';
import { Outbox, outboxTable } from './outbox.ts';
import { OutboxDrain } from './outbox-drain.ts';
import { sqlOf } from './sql.ts';

let count = 0;

/** An outbox whose effects end when the test says so. */
async function withDrain(
  check: (bench: {
    outbox: Outbox;
    kick: () => void;
    started: string[];
    end: (key: string, error?: unknown) => Promise<void>;
    forget: () => void;
  }) => Promise<void>,
): Promise<void> {
  count += 1;
  await runInDurableObject(env.INCIDENT.getByName(`drain-${count}`), async (_, state) => {
    const sql = sqlOf(state.storage);
    sql.run('DROP TABLE outbox');
    sql.run('DELETE FROM _migrations');
    migrate(sql, [outboxTable]);
    const outbox = new Outbox(sql);
    const started: string[] = [];
    const ends = new Map<string, { resolve: () => void; reject: (error: unknown) => void }>();
    const make = () =>
      new OutboxDrain<void>({
        outbox,
        now: () => 1_000,
        random: () => 0.5,
        perform: ({ key }) => {
          started.push(key);
          return new Promise((resolve, reject) => ends.set(key, { resolve, reject }));
        },
        succeeded: ({ key }) => outbox.done(key),
        failed: ({ key }, failure) => void outbox.fail(key, failure),
        timeoutMs: ({ key }) => (key.startsWith('slow') ? 20 : 60_000),
        changed: () => {},
      });
    let drain = make();
    await check({
      outbox,
      kick: () => drain.kick(),
      started,
      end: async (key, error) => {
        if (error === undefined) ends.get(key)?.resolve();
        else ends.get(key)?.reject(error);
        await new Promise((resolve) => setTimeout(resolve, 0));
      },
      forget: () => {
        drain = make();
      },
    });
  });
}

const item = (key: string, lane: string | null = null) => ({ key, kind: 'k', lane, body: '{}' });

test('at most four effects are in flight; the next starts when one ends', () =>
  withDrain(async ({ outbox, kick, started, end }) => {
    for (const key of ['a', 'b', 'c', 'd', 'e']) outbox.add(item(key), 0);
    kick();
    kick();
    expect(started).toEqual(['a', 'b', 'c', 'd']);
    await end('b');
    expect(started).toEqual(['a', 'b', 'c', 'd', 'e']);
    for (const key of ['a', 'c', 'd', 'e']) await end(key);
    expect(outbox.items().every(({ state }) => state === 'done')).toBe(true);
  }));

test('a lane waits for its first, also while that one backs off; other effects go on', () =>
  withDrain(async ({ outbox, kick, started, end }) => {
    for (const key of ['a', 'b']) outbox.add(item(key, 'talk'), 0);
    outbox.add(item('c'), 0);
    kick();
    expect(started).toEqual(['a', 'c']);
    await end('a', new Error('later'));
    kick();
    expect(started).toEqual(['a', 'c']);
    expect(outbox.get('a')).toMatchObject({ state: 'pending', tries: 1, nextAt: 1_500 });
    await end('c');
  }));

test('what the other side asks to wait is waited', () =>
  withDrain(async ({ outbox, kick, end }) => {
    outbox.add(item('a'), 0);
    kick();
    await end('a', Object.assign(new Error('429'), { retryable: true, retryAfterMs: 60_000 }));
    expect(outbox.get('a')?.nextAt).toBe(61_000);
  }));

test('an error that says it is final is not tried again', () =>
  withDrain(async ({ outbox, kick, end }) => {
    outbox.add(item('a'), 0);
    kick();
    await end('a', Object.assign(new Error('never'), { retryable: false }));
    expect(outbox.get('a')).toMatchObject({ state: 'dead', tries: 1 });
  }));

test('four that hang hold up the fifth only until their time is over, and their late end changes nothing', () =>
  withDrain(async ({ outbox, kick, started, end }) => {
    for (const key of ['slow-a', 'slow-b', 'slow-c', 'slow-d', 'e']) outbox.add(item(key), 0);
    kick();
    expect(started).not.toContain('e');
    await new Promise((resolve) => setTimeout(resolve, 60));
    expect(started).toContain('e');
    expect(outbox.get('slow-a')).toMatchObject({ state: 'pending', tries: 1, nextAt: 1_500 });
    expect(outbox.get('slow-a')?.error).toContain('not done within 20 ms');
    await end('slow-a');
    expect(outbox.get('slow-a')?.state).toBe('pending');
    await end('e');
    expect(outbox.get('e')?.state).toBe('done');
  }));

test('the sixth failed try is the last, and a revived item has six again', () =>
  withDrain(async ({ outbox }) => {
    const failure = { error: 'no', retryable: true, retryAfterMs: null, nowMs: 0, random: 0 };
    const tryOnce = () => {
      outbox.begin('a');
      return outbox.fail('a', failure).kind;
    };
    outbox.add(item('a'), 0);
    for (let round = 0; round < 2; round++) {
      expect(Array.from({ length: 6 }, tryOnce)).toEqual([...Array(5).fill('retry'), 'dead']);
      expect(outbox.due(1_000)).toEqual([]);
      expect(outbox.revive('a', 0)).toBe(true);
    }
  }));

test('what was in flight at a crash is started again, and its try has counted', () =>
  withDrain(async ({ outbox, kick, started, end, forget }) => {
    outbox.add(item('a'), 0);
    kick();
    forget();
    kick();
    expect(started).toEqual(['a', 'a']);
    expect(outbox.get('a')?.tries).toBe(2);
    await end('a');
  }));
