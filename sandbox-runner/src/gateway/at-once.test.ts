import { expect, it } from 'vitest';
import { atOnce } from './at-once.ts';

it('lets few steps run at a time, in order, and goes on after one that failed', async () => {
  const limited = atOnce(2);
  const log: string[] = [];
  let running = 0;
  let most = 0;
  const step = (name: string) =>
    limited(async () => {
      most = Math.max(most, ++running);
      await new Promise((next) => setTimeout(next, 5));
      running -= 1;
      log.push(name);
      if (name === 'b') throw new Error('b failed');
    });
  const ends = await Promise.allSettled(['a', 'b', 'c', 'd'].map(step));
  expect(most).toBe(2);
  expect(log).toEqual(['a', 'b', 'c', 'd']);
  expect(ends.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'fulfilled']);
});
