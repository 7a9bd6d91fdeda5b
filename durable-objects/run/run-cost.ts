import type { Usage } from '../../core/contracts/usage.ts';
import { dayOf, isNearly } from '../../core/cost/caps.ts';
import { costOf } from '../../core/cost/prices.ts';
import { usd } from '../../core/cost/usd.ts';
import type { RunBook } from './run-book.ts';

/**
 * Counts a model call once, and lets the pool know. It is charged to its own day, but to none before the run or
 * after now, whatever its runner's clock says.
 */
export function countUsage(book: RunBook, usage: Usage, nowMs: number): void {
  const { record, outbox } = book;
  if (!record) return;
  const { microUsd, known, priceVersion } = costOf(usage);
  if (!book.ledger.count(usage.requestId, microUsd)) return;
  const before = record.costMicroUsd;
  const costMicroUsd = before + microUsd;
  const day = dayOf(Math.min(nowMs, Math.max(record.requestedAt, usage.at)));
  const spentByDay = { ...record.spentByDay, [day]: (record.spentByDay[day] ?? 0) + microUsd };
  book.update({ costMicroUsd, spentByDay });
  if (!outbox.hasUntried('spent'))
    outbox.add({ key: `spent:${costMicroUsd}`, kind: 'spent', lane: null, body: '' }, nowMs);
  const budget = record.budgetMicroUsd;
  if (budget !== null && isNearly(costMicroUsd, budget) && !isNearly(before, budget))
    book.alert('budget', `Its run has used ${usd(costMicroUsd)} of its ${usd(budget)}.`, nowMs);
  const { run, group, incident } = record.spec;
  book.projections.add({
    table: 'costs',
    row: { ...usage, run, group, thread: incident, incident, microUsd, priceVersion, priceKnown: known },
  });
}
