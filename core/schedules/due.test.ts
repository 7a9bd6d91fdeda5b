import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { calendarOf } from '../../workers/schedules/calendar.ts';
import { MAX_CATCH_UP, ON_TIME_MS, type ScheduleDefinition } from './definition.ts';
import { decideDue, type NextDue, nextDues } from './due.ts';
import { jitterOf } from './jitter.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const START = Date.UTC(2026, 0, 1);
const YEAR = 365 * DAY;

type Schedule = Pick<ScheduleDefinition, 'id' | 'policy' | 'jitterMs'>;

/** All due times of a stretch, by the calendar alone. */
function allDues(next: NextDue, from: number, to: number): number[] {
  const dues: number[] = [];
  for (let due = next(from); due !== null && due <= to; due = next(due)) dues.push(due);
  return dues;
}

/** Runs the decision at these times, as the object does. */
function play(schedule: Schedule, next: NextDue, from: number, ticks: readonly number[]) {
  const fired: { due: number; at: number }[] = [];
  let decidedUntil = from;
  for (const at of ticks) {
    const decision = decideDue(schedule, next, decidedUntil, at);
    fired.push(...decision.fire.map((due) => ({ due, at })));
    decidedUntil = decision.decidedUntil;
  }
  return fired;
}

/** What the policy promises, said the long way: each due time belongs to the first tick that could serve it. */
function promised(schedule: Schedule, next: NextDue, from: number, ticks: readonly number[]): number[] {
  const last = Math.max(...ticks);
  const servedAt = new Map<number, { due: number; late: boolean }[]>();
  for (const due of allDues(next, from, last)) {
    const firesAt = due + jitterOf(schedule, due, next(due));
    const tick = ticks.find((at) => at >= firesAt);
    if (tick === undefined) continue;
    servedAt.set(tick, [...(servedAt.get(tick) ?? []), { due, late: tick - firesAt > ON_TIME_MS }]);
  }
  return [...servedAt.values()].flatMap((group) => {
    const missed = group.filter(({ late }) => late).map(({ due }) => due);
    const good = { skip: 0, latest: 1, all: MAX_CATCH_UP }[schedule.policy];
    const hasOnTime = group.some(({ late }) => !late);
    const kept = new Set(
      schedule.policy === 'latest' && hasOnTime ? [] : missed.slice(Math.max(0, missed.length - good)),
    );
    return group.filter(({ due, late }) => !late || kept.has(due)).map(({ due }) => due);
  });
}

const zones = [
  'UTC',
  'Europe/Berlin',
  'America/New_York',
  'America/St_Johns',
  'Asia/Kolkata',
  'Australia/Lord_Howe',
  'Africa/Cairo',
  'Pacific/Chatham',
];
const minute = fc.oneof(
  fc.integer({ min: 0, max: 59 }).map(String),
  fc.constantFrom('*/7', '*/15', '*/30', '0,30', '10-20/5'),
);
const hour = fc.oneof(
  fc.integer({ min: 0, max: 23 }).map(String),
  fc.constantFrom('*', '*/2', '1-3', '0,2,12', '8-18'),
);
const cron = fc
  .tuple(
    minute,
    hour,
    fc.constantFrom('*', '*', '1', '15,28'),
    fc.constantFrom('*', '*', '3', '10,11'),
    fc.constantFrom('*', '*', '1-5', '0'),
  )
  .map((fields) => fields.join(' '));
const schedule: fc.Arbitrary<Schedule> = fc.record({
  id: fc.constantFrom('a', 'nightly', 'ryan-health'),
  policy: fc.constantFrom('skip', 'latest', 'all'),
  jitterMs: fc.constantFrom(0, 1_000, 5 * MINUTE, HOUR),
});
/** Steps of a clock that ticks each minute, twice at once, late, or not for days. */
const ticks = fc
  .array(
    fc.oneof(
      { arbitrary: fc.constant([MINUTE]), weight: 6 },
      { arbitrary: fc.constantFrom([MINUTE, 0], [0, 0, 0], [1, 1]), weight: 2 },
      { arbitrary: fc.integer({ min: 1, max: 3 * HOUR }).map((late) => [late, 0]), weight: 3 },
      { arbitrary: fc.integer({ min: HOUR, max: 9 * DAY }).map((late) => [late]), weight: 1 },
    ),
    { minLength: 1, maxLength: 60 },
  )
  .map((steps) => steps.flat());

describe('due times', () => {
  it('fire at most once each, and exactly those that the policy promises, however the clock ticks', () => {
    fc.assert(
      fc.property(
        schedule,
        cron,
        fc.constantFrom(...zones),
        fc.integer({ min: 0, max: YEAR }),
        ticks,
        (about, expression, timeZone, offset, steps) => {
          const next = calendarOf({ cron: expression, timeZone });
          const from = START + offset;
          let at = from;
          const times = steps.map((step) => {
            at += step;
            return at;
          });
          const fired = play(about, next, from, times);
          const dues = fired.map(({ due }) => due);
          expect(new Set(dues).size).toBe(dues.length);
          expect(dues).toEqual(promised(about, next, from, times));
          for (const { due, at } of fired) expect(at).toBeGreaterThanOrEqual(due);
        },
      ),
      { numRuns: 600 },
    );
  });

  it('are all served by a clock that ticks each minute, whatever the policy', () => {
    fc.assert(
      fc.property(
        schedule,
        cron,
        fc.constantFrom(...zones),
        fc.integer({ min: 0, max: 364 }),
        (about, expression, timeZone, day) => {
          const next = calendarOf({ cron: expression, timeZone });
          const from = START + day * DAY;
          const times = Array.from({ length: 10 * 60 }, (_, n) => from + n * MINUTE);
          const dues = play(about, next, from, times).map(({ due }) => due);
          expect(dues).toEqual(allDues(next, from, dues.at(-1) ?? from));
          const last = times.at(-1) as number;
          expect(allDues(next, dues.at(-1) ?? from, last - HOUR - MINUTE)).toEqual([]);
        },
      ),
      { numRuns: 20 },
    );
  });

  it('come to no more when two isolates decide from the same state', () => {
    const next = calendarOf({ cron: '*/5 * * * *', timeZone: 'UTC' });
    const about: Schedule = { id: 'a', policy: 'all', jitterMs: 0 };
    const one = decideDue(about, next, START, START + 20 * MINUTE);
    expect(decideDue(about, next, START, START + 20 * MINUTE)).toEqual(one);
    expect(decideDue(about, next, one.decidedUntil, START + 20 * MINUTE).fire).toEqual([]);
  });

  it('that were missed for a year cost a bounded search, and what is dropped is told', () => {
    const next = calendarOf({ cron: '* * * * *', timeZone: 'Europe/Berlin' });
    let asked = 0;
    const counted: NextDue = (after) => {
      asked += 1;
      return next(after);
    };
    const decision = decideDue({ id: 'a', policy: 'all', jitterMs: 0 }, counted, START, START + YEAR);
    expect(decision.fire).toHaveLength(MAX_CATCH_UP + 6);
    expect(decision.skipped).toMatchObject({ from: START, count: null });
    expect(decision.decidedUntil).toBe(START + YEAR);
    expect(asked).toBeLessThan(600);
  });

  it('are not decided again when the clock goes back', () => {
    const next = calendarOf({ cron: '0 * * * *', timeZone: 'UTC' });
    const about: Schedule = { id: 'a', policy: 'all', jitterMs: 0 };
    const ahead = decideDue(about, next, START, START + HOUR + 1);
    const back = decideDue(about, next, ahead.decidedUntil, START + 1);
    expect(back).toMatchObject({ fire: [], decidedUntil: START + HOUR, wakeAt: START + 2 * HOUR });
  });
});

describe('jitter', () => {
  it('is always the same, bounded, and keeps the order', () => {
    const next = calendarOf({ cron: '*/2 * * * *', timeZone: 'UTC' });
    const about: Schedule = { id: 'spread', policy: 'skip', jitterMs: HOUR };
    const fires = nextDues(next, START, 500).map((due) => due + jitterOf(about, due, next(due)));
    expect(fires).toEqual([...fires].sort((a, b) => a - b));
    expect(new Set(fires.map((at) => at % (2 * MINUTE))).size).toBeGreaterThan(400);
    expect(jitterOf(about, START, null)).toBe(jitterOf(about, START, null));
    expect(jitterOf({ id: 'none', jitterMs: 0 }, START, START + HOUR)).toBe(0);
  });
});
