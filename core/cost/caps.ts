import { usd } from './usd.ts';

/** Row D4. Shares of a cap, in tenths: whole micro-dollars stay whole. */
const TELL_TENTHS = 8;
const REFUSE_TENTHS = 9;

/** Whole micro-dollars; null: no cap. */
export interface BudgetCaps {
  monthMicroUsd: number | null;
  dayMicroUsd: number | null;
  groupDayMicroUsd(group: string): number | null;
}

export type CapName = 'month' | 'day' | 'group';

/** One cap and what it was used for. Periods are UTC: `2026-11` or `2026-11-21`. */
export interface CapUse {
  cap: CapName;
  period: string;
  /** Null: all groups together. */
  group: string | null;
  capMicroUsd: number;
  spentMicroUsd: number;
  /** What runs that go on may still spend. */
  reservedMicroUsd: number;
}

/** `told`: 80%, the operator is told. `closed`: 90%, nothing new begins. `spent`: what runs is ended. */
export type CapLevel = 'open' | 'told' | 'closed' | 'spent';

export function levelOfCap({ spentMicroUsd, capMicroUsd }: CapUse): CapLevel {
  if (spentMicroUsd >= capMicroUsd) return 'spent';
  if (spentMicroUsd * 10 >= capMicroUsd * REFUSE_TENTHS) return 'closed';
  return spentMicroUsd * 10 >= capMicroUsd * TELL_TENTHS ? 'told' : 'open';
}

export const isNearly = (spentMicroUsd: number, capMicroUsd: number): boolean =>
  spentMicroUsd * 10 >= capMicroUsd * TELL_TENTHS;

export type BudgetCode = 'budget_month' | 'budget_day' | 'budget_group' | 'budget_settings';

/**
 * `wait`: others have reserved what it needs, and may give it back. `refuse`: the period has no room for it,
 * and only its end, a higher cap or the override makes some.
 */
export type Reservation =
  | { kind: 'reserve' }
  | { kind: 'wait'; code: BudgetCode; reason: string }
  | { kind: 'refuse'; code: BudgetCode; reason: string };

/** Whether a run's budget fits under every cap that it is charged to. `isUrgent`: the operator lets it pass the 90%. */
export function decideReservation(
  budgetMicroUsd: number,
  isUrgent: boolean,
  uses: readonly CapUse[],
): Reservation {
  const code = ({ cap }: CapUse): BudgetCode => `budget_${cap}`;
  for (const use of uses) {
    const level = levelOfCap(use);
    if (level === 'spent' || (level === 'closed' && !isUrgent))
      return { kind: 'refuse', code: code(use), reason: closedReason(use) };
    if (use.spentMicroUsd + budgetMicroUsd > use.capMicroUsd)
      return {
        kind: 'refuse',
        code: code(use),
        reason: `${describe(use)}; the session may need ${usd(budgetMicroUsd)}. ${wayOut(use)}`,
      };
  }
  const taken = uses.find(
    (use) => use.spentMicroUsd + use.reservedMicroUsd + budgetMicroUsd > use.capMicroUsd,
  );
  if (taken === undefined) return { kind: 'reserve' };
  const reason = `${describe(taken)}, ${usd(taken.reservedMicroUsd)} reserved by what runs`;
  return { kind: 'wait', code: code(taken), reason };
}

const WHAT: Record<CapName, string> = { month: 'the month', day: 'the day', group: 'the day' };

export function describe({ cap, period, group, spentMicroUsd, capMicroUsd }: CapUse): string {
  const whose = group === null ? '' : ` of ${group}`;
  return `the budget of ${WHAT[cap]}${whose} (${period} UTC) has ${usd(spentMicroUsd)} of ${usd(capMicroUsd)} spent`;
}

export function closedReason(use: CapUse): string {
  const rule =
    levelOfCap(use) === 'spent' ? 'nothing that is charged to it goes on' : 'from 90% no new session begins';
  return `${describe(use)}; ${rule}. ${wayOut(use)}`;
}

/** What the operator reads when a cap is nearly or wholly spent. `ended`: sessions that were ended for it. */
export function alertOfCap(use: CapUse, level: Exclude<CapLevel, 'open'>, ended: number): string {
  const what = describe(use);
  const fact = `${what[0]?.toUpperCase()}${what.slice(1)}.`;
  if (level === 'told') return `${fact} From 90% no new session begins.`;
  if (level === 'closed')
    return `${fact} No new session begins. ${wayOut(use)} P0 and people pass after: dogwatch budget override on.`;
  return `${fact} ${ended === 1 ? 'One session is' : `${ended} sessions are`} ended, and nothing new begins. ${wayOut(use)}`;
}

const SETTING: Record<CapName, string> = {
  month: 'MONTHLY_BUDGET_USD',
  day: 'DAILY_BUDGET_USD',
  group: 'GROUP_DAILY_BUDGET_USD',
};

const wayOut = ({ cap }: CapUse): string =>
  `Raise ${SETTING[cap]}, or wait for the next ${cap === 'month' ? 'month' : 'day'}.`;

export const dayOf = (atMs: number): string => new Date(atMs).toISOString().slice(0, 10);
export const monthOfDay = (day: string): string => day.slice(0, 7);
/** When the UTC day is over. */
/** When a UTC day begins. */
export const startOfDay = (day: string): number => Date.parse(`${day}T00:00:00Z`);

export const nextDayAt = (atMs: number): number => (Math.floor(atMs / 86_400_000) + 1) * 86_400_000;
