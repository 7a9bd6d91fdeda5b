import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type CapUse,
  closedReason,
  dayOf,
  decideReservation,
  levelOfCap,
  monthOfDay,
  nextDayAt,
} from './caps.ts';
import { usd } from './usd.ts';

const use = (change: Partial<CapUse> = {}): CapUse => ({
  cap: 'day',
  period: '2026-11-21',
  group: null,
  capMicroUsd: 10_000_000,
  spentMicroUsd: 0,
  reservedMicroUsd: 0,
  ...change,
});

describe('a cap', () => {
  test.each([
    [7_999_999, 'open'],
    [8_000_000, 'told'],
    [8_999_999, 'told'],
    [9_000_000, 'closed'],
    [9_999_999, 'closed'],
    [10_000_000, 'spent'],
  ] as const)('of ten dollars with %i micro-dollars spent is %s', (spentMicroUsd, level) => {
    expect(levelOfCap(use({ spentMicroUsd }))).toBe(level);
  });

  test('from 90% on nothing new begins; the override lets urgent work pass, up to the cap itself', () => {
    const closed = use({ spentMicroUsd: 9_000_000 });
    expect(decideReservation(1_000_000, false, [closed])).toMatchObject({
      kind: 'refuse',
      code: 'budget_day',
    });
    expect(decideReservation(1_000_000, true, [closed])).toEqual({ kind: 'reserve' });
    expect(decideReservation(1_000_001, true, [closed])).toMatchObject({ kind: 'refuse' });
    expect(decideReservation(1, true, [use({ spentMicroUsd: 10_000_000 })])).toMatchObject({
      kind: 'refuse',
    });
  });

  test('what others reserved may come back: one waits for it, and is refused only when the period has no room', () => {
    const reserved = use({ reservedMicroUsd: 9_000_000 });
    expect(decideReservation(1_000_001, false, [reserved])).toMatchObject({
      kind: 'wait',
      code: 'budget_day',
    });
    const month = use({ cap: 'month', period: '2026-11', spentMicroUsd: 9_500_000 });
    expect(decideReservation(1_000_001, false, [reserved, month])).toMatchObject({ code: 'budget_month' });
  });

  test('says what was spent, of what, and the way out', () => {
    expect(closedReason(use({ cap: 'group', group: 'cody', spentMicroUsd: 9_120_000 }))).toBe(
      'the budget of the day of cody (2026-11-21 UTC) has $9.12 of $10.00 spent; from 90% no new session begins. Raise GROUP_DAILY_BUDGET_USD, or wait for the next day.',
    );
    expect([usd(0), usd(1_500_000), usd(120)]).toEqual(['$0.00', '$1.50', '$0.000120']);
  });

  test('no reservation ever takes the sum over the cap', () => {
    const amount = fc.integer({ min: 1, max: 20_000_000 });
    fc.assert(
      fc.property(amount, amount, amount, amount, fc.boolean(), (cap, spent, reserved, budget, isUrgent) => {
        const one = use({ capMicroUsd: cap, spentMicroUsd: spent, reservedMicroUsd: reserved });
        if (decideReservation(budget, isUrgent, [one]).kind === 'reserve')
          expect(spent + reserved + budget).toBeLessThanOrEqual(cap);
      }),
    );
  });
});

test('periods are days and months of UTC', () => {
  const lastMs = Date.UTC(2026, 10, 30, 23, 59, 59, 999);
  expect([dayOf(lastMs), dayOf(lastMs + 1)]).toEqual(['2026-11-30', '2026-12-01']);
  expect(monthOfDay(dayOf(lastMs + 1))).toBe('2026-12');
  expect([nextDayAt(lastMs), nextDayAt(lastMs + 1)]).toEqual([lastMs + 1, lastMs + 1 + 86_400_000]);
});
