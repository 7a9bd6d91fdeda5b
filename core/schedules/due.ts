import { MAX_CATCH_UP, ON_TIME_MS, type ScheduleDefinition } from './definition.ts';
import { jitterOf } from './jitter.ts';

/** The first due time strictly after `afterMs`; null: there is none any more. Times are epoch milliseconds. */
export type NextDue = (afterMs: number) => number | null;

export interface DueDecision {
  /** Due times to claim now, oldest first. */
  fire: number[];
  /** Due times that the policy drops; null: none. */
  skipped: Skipped | null;
  /** Every due time up to here is decided; none of them comes up again. */
  decidedUntil: number;
  /** When there is something to decide next; null: never. */
  wakeAt: number | null;
}

export interface Skipped {
  from: number;
  to: number;
  /** Null: too many to count. */
  count: number | null;
}

/** First look back; doubled until enough due times are seen. */
const LOOK_BACK_MS = 2 * 3_600_000;
/** All that can be on time, all that may be made good, and some: due times are a minute apart at least. */
const ENOUGH = MAX_CATCH_UP + ON_TIME_MS / 60_000 + 10;

/**
 * What becomes of the due times since `decidedUntil`. Called late, or never for a year, it costs no more than
 * called in time; called twice, the second call finds nothing left. Pure.
 */
export function decideDue(
  schedule: Pick<ScheduleDefinition, 'id' | 'policy' | 'jitterMs'>,
  next: NextDue,
  decidedUntil: number,
  nowMs: number,
): DueDecision {
  const firesAt = (due: number): number => due + jitterOf(schedule, due, next(due));
  const { dues, complete } = newestDues(next, decidedUntil, nowMs);
  const ripe = dues.filter((due) => firesAt(due) <= nowMs);
  const pending = dues[ripe.length] ?? next(Math.max(nowMs, decidedUntil));
  const fire = ripe.filter(keeps(schedule.policy, ripe, (due) => nowMs - firesAt(due) > ON_TIME_MS));
  const kept = new Set(fire);
  const dropped = ripe.filter((due) => !kept.has(due));
  const lastDropped = dropped.at(-1);
  return {
    fire,
    skipped:
      lastDropped === undefined
        ? null
        : {
            from: complete ? (dropped[0] as number) : decidedUntil,
            to: lastDropped,
            count: complete ? dropped.length : null,
          },
    decidedUntil: ripe.at(-1) ?? decidedUntil,
    wakeAt: pending === null ? null : firesAt(pending),
  };
}

/** Which of the ripe due times are served. Whatever is on time is. */
function keeps(
  policy: ScheduleDefinition['policy'],
  ripe: readonly number[],
  isMissed: (due: number) => boolean,
): (due: number) => boolean {
  switch (policy) {
    case 'skip':
      return (due) => !isMissed(due);
    case 'latest':
      return (due) => !isMissed(due) || due === ripe.at(-1);
    case 'all': {
      const made = new Set(ripe.filter(isMissed).slice(-MAX_CATCH_UP));
      return (due) => !isMissed(due) || made.has(due);
    }
  }
}

/** Due times after `afterMs` up to now, oldest first; of very many the newest. */
function newestDues(next: NextDue, afterMs: number, nowMs: number): { dues: number[]; complete: boolean } {
  for (let lookBackMs = LOOK_BACK_MS; ; lookBackMs *= 2) {
    const start = Math.max(afterMs, nowMs - lookBackMs);
    const dues: number[] = [];
    for (let due = next(start); due !== null && due <= nowMs; due = next(due)) dues.push(due);
    if (start === afterMs || dues.length >= ENOUGH) return { dues, complete: start === afterMs };
  }
}

/** The coming due times, for people to see. */
export function nextDues(next: NextDue, afterMs: number, count: number): number[] {
  const dues: number[] = [];
  for (let due = next(afterMs); due !== null && dues.length < count; due = next(due)) dues.push(due);
  return dues;
}
