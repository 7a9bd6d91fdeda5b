import { describe, expect, test } from 'vitest';
import { ask, beat, told, withPool } from '../test/pool.ts';

describe('leases', () => {
  test('fences only grow, also over runs, and asking again gives the same lease', () =>
    withPool({}, (pool) => {
      expect(pool.lease(ask('a'), 1)).toEqual({ status: 'granted', fence: 1, runner: 'one' });
      expect(pool.lease(ask('a'), 2)).toEqual({ status: 'granted', fence: 1, runner: 'one' });
      expect(pool.lease(ask('b'), 3)).toEqual({ status: 'granted', fence: 2, runner: 'two' });
      pool.release('a', 1, {}, 4);
      expect(pool.lease(ask('a'), 5)).toMatchObject({ status: 'granted', fence: 3 });
    }));

  test('a group that pauses waits, holds up nobody else, and goes on when the pause is over', () =>
    withPool({}, (pool) => {
      pool.backOff('cody', 1_000, 'z', 1);
      pool.backOff('cody', 500, 'z', 2);
      expect(pool.lease(ask('a'), 3)).toMatchObject({ status: 'queued' });
      expect(pool.lease(ask('light', 'light'), 3)).toMatchObject({ status: 'granted' });
      expect(pool.lease({ ...ask('b'), group: 'sam' }, 3)).toMatchObject({ status: 'granted' });
      expect(pool.nextTimerAt(3)).toBe(1_000);
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
      pool.release('b', 2, {}, 4);
      expect(pool.leaseOf('c')).toMatchObject({ fence: 4 });
      expect(pool.status(4).waiting).toMatchObject([{ run: 'd', position: 1 }]);
      const granted = pool.outbox.items().find(({ kind }) => kind === 'granted');
      expect(JSON.parse(granted?.body ?? '{}')).toMatchObject({ run: 'c', lease: { fence: 4 } });
    }));

  test('a runner gets no more than it said it can take', () =>
    withPool({ slots: { heavy: 15, light: 1 }, runners: ['one'] }, (pool) => {
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

  test('a run that is over gives back also what it never heard of', () =>
    withPool({}, (pool) => {
      pool.lease(ask('a'), 0);
      pool.release('a', 0, {}, 1);
      expect(pool.leaseOf('a')).toMatchObject({ fence: 1 });
      pool.release('a', null, {}, 2);
      expect(pool.leaseOf('a')).toBeNull();
      pool.expire(280_000);
      expect(pool.outbox.items()).toEqual([]);
    }));

  test('a lease that is over, or another runner’s, is not renewed', () =>
    withPool({}, (pool) => {
      pool.lease(ask('a'), 0);
      pool.lease(ask('b'), 0);
      pool.release('b', 2, {}, 1);
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

describe('stop', () => {
  test('nothing new begins, runners hear it, and what waits goes on afterwards', () =>
    withPool({}, (pool) => {
      pool.setStopped(true, 'operator', 1);
      expect(pool.lease(ask('a'), 2)).toEqual({ status: 'queued', position: 1 });
      expect(pool.status(2).waiting).toMatchObject([{ run: 'a', because: 'stopped', since: 2 }]);
      expect(pool.heartbeat(beat('one', []), 3).stop).toBe(true);
      pool.setStopped(false, 'operator', 4);
      expect(told(pool, 'granted')).toMatchObject([{ run: 'a', lease: { fence: 1 } }]);
      expect(pool.lease(ask('a'), 5)).toMatchObject({ status: 'granted', fence: 1 });
      expect(pool.journal.findFault()).toBeNull();
    }));

  test('what runs is named to whoever stops it, and ended later by the pool itself should he not come to it', () =>
    withPool({}, (pool) => {
      pool.lease(ask('a'), 0);
      expect(pool.setStopped(true, 'operator', 1)).toMatchObject([{ run: 'a', fence: 1 }]);
      pool.setStopped(true, 'operator', 2);
      expect(told(pool, 'halt')).toEqual([{ run: 'a', fence: 1 }]);
      expect(pool.outbox.get('halt:a:1')?.nextAt).toBe(15_001);
    }));
});

describe('order', () => {
  test('a person takes the slot that is kept; the others see why they wait, and where they stand', () =>
    withPool({}, (pool) => {
      for (const run of ['a', 'b', 'c']) pool.lease(ask(run), 1);
      expect(pool.status(2).waiting).toMatchObject([{ run: 'c', position: 1, because: 'kept_for_people' }]);
      expect(pool.lease({ ...ask('person'), forPerson: true }, 2)).toMatchObject({ status: 'granted' });
      expect(pool.status(3)).toMatchObject({ waiting: [{ because: 'no_free_slot' }], keptForPeople: 1 });
    }));

  test('priorities go first, and a group that has nothing before one that has much', () =>
    withPool({}, (pool) => {
      for (const run of ['a', 'b', 'c', 'd']) pool.lease(ask(run), 1);
      pool.lease({ ...ask('sam'), group: 'sam' }, 2);
      expect(pool.lease({ ...ask('urgent'), priority: 0 }, 3)).toEqual({ status: 'queued', position: 1 });
      expect(pool.status(3).waiting.map(({ run }) => run)).toEqual(['urgent', 'sam', 'c', 'd']);
      for (const [fence, run] of ['a', 'b', 'urgent', 'sam'].entries()) pool.release(run, fence + 1, {}, 4);
      expect(told(pool, 'granted')).toMatchObject(
        ['urgent', 'sam', 'c', 'd'].map((run, n) => ({ run, lease: { fence: n + 3 } })),
      );
    }));

  test('a group has no more at once than it may have', () =>
    withPool({ maxConcurrentOf: () => 1 }, (pool) => {
      pool.lease(ask('a'), 1);
      expect(pool.lease(ask('b'), 1)).toMatchObject({ status: 'queued' });
      expect(pool.status(1).waiting).toMatchObject([{ because: 'group_limit' }]);
      expect(pool.lease({ ...ask('c'), group: 'sam' }, 1)).toMatchObject({ status: 'granted' });
    }));

  test('two thousand that wait cost each step a few rows, not two thousand', () =>
    withPool({}, (pool, sql) => {
      for (let n = 0; n < 2_000; n++) pool.lease({ ...ask(`run-${n}`), group: n % 2 ? 'cody' : 'sam' }, 1);
      const rowsOf = (query: string, ...bindings: (string | number)[]): number =>
        sql.all(query, ...bindings).length;
      expect(pool.waiting.heads()).toHaveLength(2);
      expect(pool.status(2)).toMatchObject({ waitingCount: 1_998 });
      expect(pool.status(2).waiting).toHaveLength(1_000);
      let read = 0;
      const all = sql.all;
      sql.all = ((query: string, ...bindings: (string | number)[]) => {
        const rows = all(query, ...bindings);
        read += rows.length;
        return rows;
      }) as typeof sql.all;
      pool.release('run-0', 1, {}, 3);
      pool.lease(ask('late'), 4);
      expect(read).toBeLessThan(100);
      // And none of it is found by looking through all.
      const plan = all(
        `EXPLAIN QUERY PLAN SELECT * FROM waiting WHERE agent_group = 'a' AND kind = 'heavy' AND priority = 2
         AND for_person = 0 ORDER BY n LIMIT 1`,
      );
      expect(JSON.stringify(plan)).toContain('USING INDEX waiting_sorts');
      expect(rowsOf('SELECT 1 FROM waiting')).toBe(1_998);
    }));
});

describe('drain', () => {
  test('a drained runner takes nothing new, keeps what it has, and is shown', () =>
    withPool({ slots: { heavy: 9, light: 1 } }, (pool) => {
      pool.lease(ask('a'), 1);
      pool.heartbeat(beat('one', [{ run: 'a', fence: 1 }]), 2);
      pool.setDrained(['one'], true, 'operator', 3);
      pool.setDrained(['one'], true, 'operator', 4);
      expect(pool.lease(ask('b'), 5)).toMatchObject({ runner: 'two' });
      expect(pool.lease(ask('c'), 5)).toMatchObject({ runner: 'two' });
      expect(pool.heartbeat(beat('one', [{ run: 'a', fence: 1 }]), 6).lost).toEqual([]);
      expect(pool.status(7)).toMatchObject({
        runners: [{ name: 'one', drained: true }],
        unseenRunners: [{ name: 'two', drained: false }],
      });
      pool.setDrained(['two'], true, 'operator', 8);
      expect(pool.lease(ask('d'), 9)).toMatchObject({ status: 'queued' });
      expect(pool.status(9).waiting).toMatchObject([{ run: 'd', because: 'runners_drained' }]);
      pool.setDrained(['one', 'two'], false, 'operator', 10);
      expect(pool.leaseOf('d')).not.toBeNull();
    }));
});

test('a nonce is accepted once, and forgotten only after its time', () =>
  withPool({}, (pool) => {
    expect(pool.rememberNonce('k', 'n', 100, 1)).toBe(true);
    expect(pool.rememberNonce('k', 'n', 100, 100)).toBe(false);
    expect(pool.rememberNonce('other', 'n', 100, 1)).toBe(true);
    expect(pool.rememberNonce('k', 'n', 300, 101)).toBe(true);
  }));
