import { runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { describe, expect, test } from 'vitest';
import type { PoolSettings } from './run-pool-slots.ts';
import { RunPoolStore } from './run-pool-store.ts';
import { sqlOf } from './sql.ts';

let count = 0;

async function withPool(change: Partial<PoolSettings>, check: (pool: RunPoolStore) => void): Promise<void> {
  count += 1;
  const settings: PoolSettings = {
    heavySlots: 2,
    lightSlots: 2,
    runners: ['one', 'two'],
    monthlyBudgetMicroUsd: null,
    ...change,
  };
  await runInDurableObject(env.RUN_POOL.getByName(`pool-${count}`), async (_, state) => {
    check(
      new RunPoolStore(
        sqlOf(state.storage),
        () => settings,
        () => {},
      ),
    );
    await state.storage.deleteAlarm();
  });
}

const ask = (run: string, kind: 'light' | 'heavy' = 'heavy', budgetMicroUsd = 1_000) => ({
  run,
  group: 'cody',
  kind,
  budgetMicroUsd,
  at: 0,
});
const beat = (runner: string, leases: { run: string; fence: number }[], capacity = 3) => ({
  runner,
  at: 0,
  capacity,
  running: leases.length,
  problems: [],
  leases,
});

describe('leases', () => {
  test('fences only grow, also over runs, and asking again gives the same lease', () =>
    withPool({}, (pool) => {
      expect(pool.lease(ask('a'), 1)).toEqual({ status: 'granted', fence: 1, runner: 'one' });
      expect(pool.lease(ask('a'), 2)).toEqual({ status: 'granted', fence: 1, runner: 'one' });
      expect(pool.lease(ask('b'), 3)).toEqual({ status: 'granted', fence: 2, runner: 'two' });
      pool.release('a', 1, 10, 4);
      expect(pool.lease(ask('a'), 5)).toMatchObject({ status: 'granted', fence: 3 });
    }));

  test('a group that pauses waits, holds up nobody else, and goes on when the pause is over', () =>
    withPool({}, (pool) => {
      pool.backOff('cody', 1_000, 'z', 1);
      pool.backOff('cody', 500, 'z', 2);
      expect(pool.lease(ask('a'), 3)).toMatchObject({ status: 'queued' });
      expect(pool.lease(ask('light', 'light'), 3)).toMatchObject({ status: 'granted' });
      expect(pool.lease({ ...ask('b'), group: 'sam' }, 3)).toMatchObject({ status: 'granted' });
      expect(pool.nextTimerAt()).toBe(1_000);
      pool.expire(999);
      expect(pool.leaseOf('a')).toBeNull();
      pool.expire(1_000);
      expect(pool.leaseOf('a')).toMatchObject({ group: 'cody' });
    }));

  test('who comes when all is full waits in order, and is granted when a slot is given back', () =>
    withPool({}, (pool) => {
      pool.lease(ask('a'), 1);
      pool.lease(ask('b'), 1);
      expect(pool.lease(ask('c'), 2)).toEqual({ status: 'queued', position: 1 });
      expect(pool.lease(ask('d'), 2)).toEqual({ status: 'queued', position: 2 });
      expect(pool.lease(ask('c'), 3)).toEqual({ status: 'queued', position: 1 });
      expect(pool.lease(ask('l', 'light'), 3)).toMatchObject({ status: 'granted', runner: null });
      pool.release('b', 2, 0, 4);
      expect(pool.leaseOf('c')).toMatchObject({ fence: 4 });
      expect(pool.status().waiting).toMatchObject([{ run: 'd', position: 1 }]);
      const granted = pool.outbox.items().find(({ kind }) => kind === 'granted');
      expect(JSON.parse(granted?.body ?? '{}')).toMatchObject({ run: 'c', lease: { fence: 4 } });
    }));

  test('a runner gets no more than it said it can take', () =>
    withPool({ heavySlots: 15, runners: ['one'] }, (pool) => {
      pool.heartbeat(beat('one', [], 1), 1);
      expect(pool.lease(ask('a'), 2)).toMatchObject({ status: 'granted' });
      expect(pool.lease(ask('b'), 2)).toMatchObject({ status: 'queued' });
    }));

  test('a silent runner loses its leases after three minutes; its heartbeat revives what nobody took', () =>
    withPool({}, (pool) => {
      pool.lease(ask('a'), 0);
      expect(pool.heartbeat(beat('one', [{ run: 'a', fence: 1 }]), 100_000).lost).toEqual([]);
      pool.expire(279_999);
      expect(pool.leaseOf('a')).not.toBeNull();
      pool.expire(280_000);
      expect(pool.leaseOf('a')).toBeNull();
      expect(pool.outbox.items().map(({ kind, body }) => [kind, body])).toEqual([['lost', 'a']]);
      expect(pool.heartbeat(beat('one', [{ run: 'a', fence: 1 }]), 281_000).lost).toEqual([]);
      expect(pool.leaseOf('a')).toMatchObject({ fence: 1 });
    }));

  test('a lease that is over, or another runner’s, is not renewed', () =>
    withPool({}, (pool) => {
      pool.lease(ask('a'), 0);
      pool.lease(ask('b'), 0);
      pool.release('b', 2, 0, 1);
      const { lost } = pool.heartbeat(
        beat('two', [
          { run: 'a', fence: 1 },
          { run: 'b', fence: 2 },
          { run: 'never', fence: 9 },
        ]),
        2,
      );
      expect(lost).toEqual(['a', 'b', 'never']);
    }));
});

describe('budget and stop', () => {
  test('what is reserved and what was spent count together against the month', () =>
    withPool({ monthlyBudgetMicroUsd: 2_500, heavySlots: 9 }, (pool) => {
      expect(pool.lease(ask('a'), 0)).toMatchObject({ status: 'granted' });
      expect(pool.lease(ask('b'), 0)).toMatchObject({ status: 'granted' });
      expect(pool.lease(ask('c'), 0)).toMatchObject({ status: 'refused', code: 'budget' });
      pool.release('a', 1, 200, 1);
      pool.release('a', 1, 200, 1);
      expect(pool.lease(ask('c'), 2)).toMatchObject({ status: 'granted' });
    }));

  test('stopped: nothing new begins, runners hear it, and what waits goes on afterwards', () =>
    withPool({}, (pool) => {
      pool.setStopped(true, 'operator', 1);
      expect(pool.lease(ask('a'), 2)).toEqual({ status: 'queued', position: 1 });
      expect(pool.heartbeat(beat('one', []), 3).stop).toBe(true);
      pool.setStopped(false, 'operator', 4);
      expect(pool.lease(ask('a'), 5)).toMatchObject({ status: 'granted' });
      expect(pool.journal.findFault()).toBeNull();
    }));
});

test('a nonce is accepted once, and forgotten only after its time', () =>
  withPool({}, (pool) => {
    expect(pool.rememberNonce('k', 'n', 100, 1)).toBe(true);
    expect(pool.rememberNonce('k', 'n', 100, 100)).toBe(false);
    expect(pool.rememberNonce('other', 'n', 100, 1)).toBe(true);
    expect(pool.rememberNonce('k', 'n', 300, 101)).toBe(true);
  }));
