import { describe, expect, test } from 'vitest';
import type { BudgetCaps } from '../../core/cost/caps.ts';
import { ask, NO_CAPS, told, withPool } from '../test/pool.ts';
import type { RunPoolStore } from './run-pool-store.ts';

const NOON = Date.UTC(2026, 10, 21, 12);
const TODAY = '2026-11-21';
const TOMORROW = '2026-11-22';
const MIDNIGHT = Date.UTC(2026, 10, 22);
const USD = 1_000_000;

const withCaps = (caps: Partial<BudgetCaps>, check: (pool: RunPoolStore) => void) =>
  withPool({ caps: { ...NO_CAPS, ...caps }, slots: { heavy: 15, light: 15 } }, check);
const asks = (run: string, dollars: number, change = {}) => ({
  ...ask(run, 'heavy', dollars * USD),
  ...change,
});
const capsOf = (pool: RunPoolStore, at = NOON) =>
  pool
    .status(at)
    .budget.caps.map(({ cap, group, spentMicroUsd, reservedMicroUsd, level }) => [
      group ?? cap,
      spentMicroUsd / USD,
      reservedMicroUsd / USD,
      level,
    ]);

describe('what is spent', () => {
  test('counts while the run goes on, once, against month, day and group; the reservation shrinks with it', () =>
    withCaps(
      { monthMicroUsd: 100 * USD, dayMicroUsd: 50 * USD, groupDayMicroUsd: () => 20 * USD },
      (pool) => {
        pool.lease(asks('a', 5), NOON);
        pool.spent('a', { [TODAY]: 2 * USD }, NOON);
        pool.spent('a', { [TODAY]: 2 * USD }, NOON);
        pool.spent('a', { [TODAY]: 1 * USD }, NOON);
        expect(capsOf(pool)).toEqual([
          ['month', 2, 3, 'open'],
          ['day', 2, 3, 'open'],
          ['cody', 2, 3, 'open'],
        ]);
        pool.release('a', 1, { [TODAY]: 3 * USD }, NOON);
        pool.release('a', 1, { [TODAY]: 3 * USD }, NOON);
        expect(capsOf(pool)).toContainEqual(['month', 3, 0, 'open']);
        // A call that its runner told of only later.
        pool.spent('a', { [TODAY]: 3.5 * USD }, NOON);
        expect(capsOf(pool)).toContainEqual(['day', 3.5, 0, 'open']);
      },
    ));

  test('over midnight each call is charged where it was made; what runs reserves on the new day', () =>
    withCaps({ dayMicroUsd: 50 * USD }, (pool) => {
      pool.lease(asks('a', 5), NOON);
      pool.spent('a', { [TODAY]: 2 * USD, [TOMORROW]: 1 * USD }, MIDNIGHT);
      expect(capsOf(pool)).toEqual([['day', 2, 2, 'open']]);
      expect(capsOf(pool, MIDNIGHT)).toEqual([['day', 1, 2, 'open']]);
    }));
});

describe('a cap', () => {
  test('is never promised twice: what others may still spend is waited for', () =>
    withCaps({ monthMicroUsd: 10 * USD }, (pool) => {
      expect(pool.lease(asks('a', 5), NOON)).toMatchObject({ status: 'granted' });
      expect(pool.lease(asks('b', 5), NOON)).toMatchObject({ status: 'granted' });
      expect(pool.lease(asks('c', 5), NOON)).toMatchObject({ status: 'queued' });
      expect(pool.status(NOON).waiting).toMatchObject([{ run: 'c', because: 'budget_month' }]);
      pool.release('a', 1, { [TODAY]: 1 * USD }, NOON);
      expect(pool.leaseOf('c')).toBeNull();
      pool.release('b', 2, { [TODAY]: 1 * USD }, NOON);
      expect(pool.leaseOf('c')).not.toBeNull();
    }));

  test('at 80% is told once; at 90% nothing new begins, with a code and the way out; what was begun waits', () =>
    withCaps({ dayMicroUsd: 10 * USD }, (pool) => {
      pool.lease(asks('a', 1), NOON);
      pool.spent('a', { [TODAY]: 8 * USD }, NOON);
      pool.spent('a', { [TODAY]: 8.5 * USD }, NOON);
      expect(told(pool, 'alert')).toMatchObject([{ text: expect.stringContaining('$8.00 of $10.00') }]);
      pool.spent('a', { [TODAY]: 9 * USD }, NOON);
      expect(told(pool, 'alert')).toHaveLength(2);
      expect(pool.lease(asks('b', 0.5), NOON)).toMatchObject({
        status: 'refused',
        code: 'budget_day',
        reason: expect.stringContaining('Raise DAILY_BUDGET_USD'),
      });
      pool.release('a', 1, { [TODAY]: 9 * USD }, NOON);
      expect(pool.lease(asks('a', 0.5), NOON)).toMatchObject({ status: 'queued' });
      expect(pool.nextTimerAt(NOON)).toBe(MIDNIGHT);
      pool.expire(MIDNIGHT);
      expect(pool.leaseOf('a')).not.toBeNull();
      expect(pool.journal.findFault()).toBeNull();
    }));

  test('lets P0 and people pass the 90% only by the operator’s switch, and until the day ends', () =>
    withCaps({ dayMicroUsd: 10 * USD }, (pool) => {
      pool.lease(asks('a', 1), NOON);
      pool.release('a', 1, { [TODAY]: 9 * USD }, NOON);
      const urgent = asks('b', 0.5, { priority: 0 });
      expect(pool.lease(urgent, NOON)).toMatchObject({ status: 'refused' });
      expect(pool.setOverride(true, 'operator', NOON)).toBe(MIDNIGHT);
      expect(pool.lease(asks('c', 0.5), NOON)).toMatchObject({ status: 'refused' });
      expect(pool.lease(urgent, NOON)).toMatchObject({ status: 'granted' });
      expect(pool.lease(asks('d', 0.5, { forPerson: true }), NOON)).toMatchObject({ status: 'granted' });
      expect(pool.lease(asks('e', 0.5, { priority: 0 }), NOON)).toMatchObject({ status: 'queued' });
      expect(pool.status(MIDNIGHT - 1).budget.override).toEqual({ until: MIDNIGHT, by: 'operator' });
      expect(pool.status(MIDNIGHT).budget.override).toBeNull();
      expect(JSON.stringify(pool.journal.lines())).toContain('budget_override');
    }));

  test('that is spent ends the runs charged to it and no others', () =>
    withCaps({ groupDayMicroUsd: (group) => (group === 'cody' ? 10 * USD : null) }, (pool) => {
      pool.lease(asks('a', 5), NOON);
      pool.lease(asks('b', 5), NOON);
      pool.lease(asks('c', 5, { group: 'sam' }), NOON);
      pool.spent('a', { [TODAY]: 10 * USD }, NOON);
      expect(told(pool, 'over_budget')).toMatchObject([{ run: 'a' }, { run: 'b' }]);
      expect(told(pool, 'alert')).toMatchObject([{ text: expect.stringContaining('2 sessions are ended') }]);
      expect(pool.lease(asks('d', 1), NOON)).toMatchObject({ status: 'refused', code: 'budget_group' });
    }));

  test('that cannot be read is no leave to spend', () =>
    withPool({ caps: { problem: 'DAILY_BUDGET_USD: is not a sum of dollars' } }, (pool) => {
      expect(pool.lease(ask('a'), NOON)).toMatchObject({ status: 'refused', code: 'budget_settings' });
      expect(pool.status(NOON).budget.problem).toContain('DAILY_BUDGET_USD');
    }));
});
