import { expect, test } from 'vitest';
import { decideBurst, decideDispatch } from './dispatch.ts';

test('eight runs may be dispatched, with a warning from the fifth on; the ninth is refused', () => {
  const decisions = Array.from({ length: 9 }, (_, before) => decideDispatch(before));
  const shown = decisions.map((one) => (one.allowed ? (one.warning === null ? 'ok' : 'warned') : one.code));
  expect(shown).toEqual([...Array(4).fill('ok'), ...Array(4).fill('warned'), 'dispatch_limit']);
  expect(decisions[4]).toMatchObject({ warning: 'This was dispatch 5 of at most 8 of this session.' });
});

test('a burst is told when it begins, and again only when it was over', () => {
  let wasBurst = false;
  const told = [10, 11, 12, 13, 12, 11, 12].map((starts) => {
    const { isBurst, tell } = decideBurst(starts, wasBurst);
    wasBurst = isBurst;
    return tell;
  });
  expect(told).toEqual([false, false, true, false, false, false, true]);
});
