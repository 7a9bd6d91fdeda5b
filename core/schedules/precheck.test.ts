import { expect, test } from 'vitest';
import { decidePrecheck } from './precheck.ts';

test('an agent is asked when there is something, or when nobody knows; else the firing says why not', () => {
  const facts = { check: 'failed_builds' as const, found: 0, sinceMs: 0, unanswered: null };
  expect(decidePrecheck(facts)).toEqual({
    isDue: false,
    note: 'not asked: 0 builds failed since 1970-01-01T00:00:00.000Z',
  });
  expect(decidePrecheck({ ...facts, found: 2 }).isDue).toBe(true);
  expect(decidePrecheck({ ...facts, unanswered: 'shop is away' })).toEqual({
    isDue: true,
    note: 'asked without knowing: shop is away',
  });
  expect(decidePrecheck({ ...facts, check: 'open_incidents' }).note).toBe('not asked: 0 incidents are open');
});
