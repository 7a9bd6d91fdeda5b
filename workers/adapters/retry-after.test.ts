import { expect, test } from 'vitest';
import { parseRetryAfterMs } from './retry-after.ts';

const now = Date.parse('2026-11-21T12:00:00Z');

test('a Retry-After is seconds or a date; what is past means now, and nonsense means nothing', () => {
  expect(parseRetryAfterMs('30', now)).toBe(30_000);
  expect(parseRetryAfterMs('1.5', now)).toBe(1_500);
  expect(parseRetryAfterMs('Sat, 21 Nov 2026 12:02:00 GMT', now)).toBe(120_000);
  expect(parseRetryAfterMs('Sat, 21 Nov 2026 11:00:00 GMT', now)).toBe(0);
  for (const header of [null, '', 'soon']) expect(parseRetryAfterMs(header, now)).toBeNull();
});
