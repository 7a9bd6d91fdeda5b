import { expect, it } from 'vitest';
import { nextSlotAt } from './telegram-pacing.ts';

const sends = (chat: string, count: number, everyMs: number) =>
  Array.from({ length: count }, (_, n) => ({ chat, at: 1_000_000 + n * everyMs }));

it('sends to a silent chat at once', () => {
  expect(nextSlotAt([], '1')).toBe(0);
  expect(nextSlotAt(sends('2', 3, 2_000), '1')).toBe(0);
});

it('waits a second between two messages of one chat', () => {
  expect(nextSlotAt([{ chat: '1', at: 5_000 }], '1')).toBeGreaterThanOrEqual(6_000);
});

it('sends at most 20 a minute to a group, and more to a person', () => {
  const toGroup = sends('-100', 20, 1_100);
  expect(nextSlotAt(toGroup, '-100')).toBeGreaterThanOrEqual(1_060_000);
  expect(nextSlotAt(sends('100', 20, 1_100), '100')).toBeLessThan(1_030_000);
});

it('sends at most 30 a second over all chats', () => {
  const many = Array.from({ length: 30 }, (_, n) => ({ chat: String(n), at: 1_000_000 }));
  expect(nextSlotAt(many, 'new')).toBeGreaterThanOrEqual(1_001_000);
});
