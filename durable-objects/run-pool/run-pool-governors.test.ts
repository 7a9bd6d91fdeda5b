import { describe, expect, test } from 'vitest';
import { ask, withPool } from '../test/pool.ts';

const MINUTE = 60_000;
const DAY = 86_400_000;
const many = { slots: { heavy: 100, light: 100 }, maxConcurrentOf: () => 100 };
const alerts = (pool: { outbox: { items(): { kind: string; body: string }[] } }) =>
  pool.outbox
    .items()
    .filter(({ kind }) => kind === 'alert')
    .map(({ body }) => (JSON.parse(body) as { text: string }).text);

describe('a burst of runs', () => {
  test('is told once when it begins, refuses nothing, and is told again only after a pause', () =>
    withPool(many, (pool) => {
      for (let n = 1; n <= 11; n++) pool.lease(ask(`a${n}`, 'light'), n);
      pool.lease(ask('a11', 'light'), 12);
      expect(alerts(pool)).toEqual([]);
      for (let n = 12; n <= 20; n++) expect(pool.lease(ask(`a${n}`, 'light'), n + 1).status).toBe('granted');
      expect(alerts(pool)).toEqual([
        expect.stringContaining('12 agent runs were asked for within 15 minutes'),
      ]);
      for (let n = 1; n <= 12; n++) pool.lease(ask(`b${n}`, 'light'), 16 * MINUTE + n);
      expect(alerts(pool)).toHaveLength(2);
      expect(pool.journal.lines().filter(({ type }) => type === 'burst')).toHaveLength(2);
    }));
});

describe('dispatched tasks', () => {
  const dispatched = (incident: string, change = {}) => ({
    incident,
    group: 'sam',
    priority: 2 as const,
    forPerson: false,
    ...change,
  });
  const NOON = 10 * DAY + DAY / 2;

  test('begin ten times a UTC day, each counted once; the rest waits, visible, for the next day with room', () =>
    withPool(many, (pool) => {
      for (let n = 1; n <= 10; n++) expect(pool.admitDispatch(dispatched(`d${n}`), NOON + n)).toBeNull();
      expect(pool.admitDispatch(dispatched('d1'), NOON + 20), 'tried again').toBeNull();
      for (let n = 11; n <= 20; n++) expect(pool.admitDispatch(dispatched(`d${n}`), NOON + n)).toBe(11 * DAY);
      expect(pool.admitDispatch(dispatched('d21'), NOON + 21)).toBe(12 * DAY);
      expect(pool.admitDispatch(dispatched('d11'), NOON + 22), 'asked again').toBe(11 * DAY);
      expect(pool.status(NOON + 30).heldBack).toHaveLength(11);
      expect(pool.status(NOON + 30).heldBack[0]).toEqual({
        incident: 'd11',
        group: 'sam',
        since: NOON + 11,
        until: 11 * DAY,
      });
      expect(alerts(pool), 'told once').toEqual([expect.stringContaining('held back until tomorrow')]);
      expect(pool.journal.lines().filter(({ type }) => type === 'dispatch_held_back')).toHaveLength(11);
    }));

  test('of a later day stand behind those that were held back', () =>
    withPool(many, (pool) => {
      for (let n = 1; n <= 20; n++) pool.admitDispatch(dispatched(`d${n}`), NOON + n);
      expect(pool.admitDispatch(dispatched('d11'), 11 * DAY)).toBeNull();
      expect(pool.admitDispatch(dispatched('new'), 11 * DAY)).toBe(12 * DAY);
      expect(pool.status(11 * DAY).heldBack.map(({ incident }) => incident)).toEqual(['new']);
    }));

  test('that are withdrawn before they began leave their place to another', () =>
    withPool(many, (pool) => {
      for (let n = 1; n <= 20; n++) pool.admitDispatch(dispatched(`d${n}`), NOON + n);
      pool.withdrawDispatch('d15', NOON + 30);
      pool.withdrawDispatch('d15', NOON + 31);
      pool.withdrawDispatch('d1', NOON + 32);
      expect(pool.status(NOON + 33).heldBack).toHaveLength(9);
      expect(pool.admitDispatch(dispatched('d21'), NOON + 34)).toBe(11 * DAY);
      expect(pool.admitDispatch(dispatched('d22'), NOON + 35)).toBe(12 * DAY);
      expect(pool.journal.lines().filter(({ type }) => type === 'dispatch_withdrawn')).toHaveLength(1);
    }));

  test('that are urgent pass under the override', () =>
    withPool(many, (pool) => {
      for (let n = 1; n <= 10; n++) pool.admitDispatch(dispatched(`d${n}`), NOON);
      pool.setOverride(true, 'operator', NOON);
      expect(pool.admitDispatch(dispatched('for-a-person', { forPerson: true }), NOON)).toBeNull();
      expect(pool.admitDispatch(dispatched('other'), NOON)).toBe(11 * DAY);
      pool.setOverride(false, 'operator', NOON);
      expect(pool.admitDispatch(dispatched('for-a-person', { forPerson: true }), NOON)).toBeNull();
    }));
});
