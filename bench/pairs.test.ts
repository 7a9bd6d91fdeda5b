import { expect, test } from 'vitest';
import { comparePairs, measurePairs, median } from './pairs.ts';

test('the figure that counts is the middle one of the ratios', () => {
  const pairs = [
    { oursMs: 100, theirsMs: 100 },
    { oursMs: 300, theirsMs: 200 },
    { oursMs: 9_000, theirsMs: 1_000 },
  ];
  expect(comparePairs(pairs)).toEqual({ medianOfRatios: 1.5, ratioOfMedians: 1.5, ratioOfFastest: 1 });
  expect(median([4, 1, 3, 2])).toBe(2.5);
});

test('each second pair is measured the other way round, and the first does not count', async () => {
  const order: string[] = [];
  const measure = (who: string, ms: number) => async (n: number) => {
    order.push(`${who}${n}`);
    return ms + n;
  };
  const pairs = await measurePairs(2, measure('a', 10), measure('b', 20), () => undefined);
  expect(order.join(' ')).toBe('a0 b0 b1 a1 a2 b2');
  expect(pairs).toEqual([
    { oursMs: 11, theirsMs: 21 },
    { oursMs: 12, theirsMs: 22 },
  ]);
});
