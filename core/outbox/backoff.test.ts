import fc from 'fast-check';
import { expect, test } from 'vitest';
import { backoffMs, decideAfterFailure, MAX_TRIES } from './backoff.ts';

const tries = fc.integer({ min: 1, max: 50 });
const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

test('a delay is anything from nothing to a bound that doubles up to two minutes', () => {
  fc.assert(
    fc.property(tries, random, (count, share) => {
      const bound = Math.min(120_000, 1_000 * 2 ** (count - 1));
      const delay = backoffMs(count, share, null);
      expect(delay).toBeGreaterThanOrEqual(0);
      expect(delay).toBeLessThanOrEqual(bound);
      expect(backoffMs(count, 0, null)).toBe(0);
      expect(backoffMs(count, 0.999, null)).toBeGreaterThan(bound * 0.99);
    }),
  );
});

test('what the other side asked for is never cut short', () => {
  fc.assert(
    fc.property(tries, random, fc.integer({ min: 0, max: 10_000_000 }), (count, share, asked) => {
      expect(backoffMs(count, share, asked)).toBeGreaterThanOrEqual(asked);
    }),
  );
});

test('what may not be repeated dies at once, everything else after its last try', () => {
  const failure = { nowMs: 1_000, random: 0.5, retryAfterMs: null };
  expect(decideAfterFailure({ ...failure, tries: 1, retryable: false })).toEqual({ kind: 'dead' });
  expect(decideAfterFailure({ ...failure, tries: MAX_TRIES - 1, retryable: true }).kind).toBe('retry');
  expect(decideAfterFailure({ ...failure, tries: MAX_TRIES, retryable: true })).toEqual({ kind: 'dead' });
});
