import { dayOf, nextDayAt } from '../cost/caps.ts';

/** Row C8. A session may dispatch so many runs, and is warned on the way. */
export const MAX_DISPATCHES = 8;
export const WARN_DISPATCHES_AT = 5;

export type DispatchDecision =
  | { allowed: true; warning: string | null }
  | { allowed: false; code: 'dispatch_limit'; reason: string };

/** `before`: how many runs the session has dispatched. */
export function decideDispatch(before: number): DispatchDecision {
  if (before >= MAX_DISPATCHES)
    return {
      allowed: false,
      code: 'dispatch_limit',
      reason: `a session dispatches at most ${MAX_DISPATCHES} runs; conclude with what they bring`,
    };
  const now = before + 1;
  const warning =
    now < WARN_DISPATCHES_AT
      ? null
      : `This was dispatch ${now} of at most ${MAX_DISPATCHES} of this session.`;
  return { allowed: true, warning };
}

/** Dispatched tasks that may begin in one UTC day; the rest waits for the next day that has room. */
export const DISPATCHES_PER_DAY = 10;

/** The UTC day in which a dispatched task may begin. `dispatchedOn`: how many are to begin on a day already. */
export function chooseDispatchDay(dispatchedOn: (day: string) => number, nowMs: number): string {
  let at = nowMs;
  while (dispatchedOn(dayOf(at)) >= DISPATCHES_PER_DAY) at = nextDayAt(at);
  return dayOf(at);
}

/** So many runs that start in so short a time, whatever starts them, are something to know of. */
export const BURST_STARTS = 12;
export const BURST_WINDOW_MS = 15 * 60_000;

/** `starts`: how many runs were asked for within the window. A burst lasts until there are fewer. */
export function decideBurst(starts: number, wasBurst: boolean): { isBurst: boolean; tell: boolean } {
  const isBurst = starts >= BURST_STARTS;
  return { isBurst, tell: isBurst && !wasBurst };
}
