import { describe, expect, test } from 'vitest';
import { ask, told, withPool } from '../test/pool.ts';

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

describe('dispatched runs', () => {
  const dispatched = (run: string) => ({ ...ask(run, 'light'), isDispatched: true });

  test('start ten times a UTC day; the rest waits, visible, and goes in its order on the next day', () =>
    withPool(many, (pool) => {
      const noon = 10 * DAY + DAY / 2;
      for (let n = 1; n <= 10; n++)
        expect(pool.lease(dispatched(`d${n}`), noon + n * 10 * MINUTE).status).toBe('granted');
      const late = noon + 200 * MINUTE;
      expect(pool.lease(dispatched('d11'), late)).toEqual({ status: 'queued', position: 1 });
      expect(pool.lease(dispatched('d12'), late)).toEqual({ status: 'queued', position: 2 });
      expect(pool.lease(dispatched('d11'), late)).toEqual({ status: 'queued', position: 1 });
      expect(pool.lease(ask('own', 'light'), late).status).toBe('granted');
      expect(pool.status(late).heldBack.map(({ run }) => run)).toEqual(['d11', 'd12']);
      expect(alerts(pool)).toEqual(['10 dispatched runs have started today; 1 wait for the next UTC day.']);
      expect(pool.nextTimerAt(late)).toBeLessThanOrEqual(11 * DAY);
      pool.expire(11 * DAY - 1);
      expect(pool.leaseOf('d11')).toBeNull();
      pool.expire(11 * DAY);
      expect(pool.leaseOf('d11')).not.toBeNull();
      expect(pool.leaseOf('d12')).not.toBeNull();
      expect(told(pool, 'granted').length).toBe(2);
      expect(pool.status(11 * DAY).heldBack).toEqual([]);
    }));

  test('that nobody wants any more wait no longer, and one that goes on counts once', () =>
    withPool(many, (pool) => {
      for (let n = 1; n <= 10; n++) pool.lease(dispatched(`d${n}`), n);
      pool.release('d1', 1, {}, 11);
      expect(pool.lease(dispatched('d1'), 12).status).toBe('granted');
      pool.lease(dispatched('d11'), 13);
      pool.release('d11', 0, {}, 14);
      expect(pool.status(15).heldBack).toEqual([]);
    }));
});
