import { describe, expect, it } from 'vitest';
import { nextDues } from '../../core/schedules/due.ts';
import { CalendarError, calendarOf, checkTiming } from './calendar.ts';

/** Due times from noon UTC of one day, as local wall clock and offset see them: ISO in UTC. */
const dues = (cron: string, timeZone: string, from: string, count: number) =>
  nextDues(calendarOf({ cron, timeZone }), Date.parse(from), count).map((at) =>
    new Date(at).toISOString().slice(0, 16),
  );

describe('a fixed time', () => {
  it('that the day lacks is due at the first moment after the gap', () => {
    // Berlin: 02:00 becomes 03:00 on 29 March 2026.
    expect(dues('30 2 * * *', 'Europe/Berlin', '2026-03-28T12:00Z', 2)).toEqual([
      '2026-03-29T01:00',
      '2026-03-30T00:30',
    ]);
    // Newfoundland, UTC−3:30: 02:00 becomes 03:00 on 8 March 2026.
    expect(dues('15 2 * * *', 'America/St_Johns', '2026-03-07T12:00Z', 2)).toEqual([
      '2026-03-08T05:30',
      '2026-03-09T04:45',
    ]);
    // Lord Howe moves by half an hour: 02:00 becomes 02:30 on 4 October 2026.
    expect(dues('15 2 * * *', 'Australia/Lord_Howe', '2026-10-02T16:00Z', 2)).toEqual([
      '2026-10-03T15:30',
      '2026-10-04T15:15',
    ]);
    // Cairo skips midnight itself on 24 April 2026.
    expect(dues('0 0 * * *', 'Africa/Cairo', '2026-04-23T12:00Z', 2)).toEqual([
      '2026-04-23T22:00',
      '2026-04-24T21:00',
    ]);
  });

  it('that comes twice is due the first time only', () => {
    expect(dues('30 2 * * *', 'Europe/Berlin', '2026-10-24T12:00Z', 2)).toEqual([
      '2026-10-25T00:30',
      '2026-10-26T01:30',
    ]);
    expect(dues('45 1 * * *', 'Australia/Lord_Howe', '2026-04-04T12:00Z', 2)).toEqual([
      '2026-04-04T14:45',
      '2026-04-05T15:15',
    ]);
  });

  it('of several that fall into one gap is made good once', () => {
    expect(dues('0,30 2 * * *', 'Europe/Berlin', '2026-03-28T12:00Z', 2)).toEqual([
      '2026-03-29T01:00',
      '2026-03-30T00:00',
    ]);
  });

  it('in a zone without daylight saving, half an hour off, is due every day at the same moment', () => {
    expect(dues('30 2 * * *', 'Asia/Kolkata', '2026-03-28T22:00Z', 2)).toEqual([
      '2026-03-29T21:00',
      '2026-03-30T21:00',
    ]);
  });
});

describe('an interval', () => {
  it('follows the clock: nothing in a gap, twice in a repeated hour', () => {
    expect(dues('*/30 * * * *', 'Europe/Berlin', '2026-03-29T00:00Z', 3)).toEqual([
      '2026-03-29T00:30',
      '2026-03-29T01:00',
      '2026-03-29T01:30',
    ]);
    expect(dues('*/30 2 * * *', 'Europe/Berlin', '2026-10-24T12:00Z', 5)).toEqual([
      '2026-10-25T00:00',
      '2026-10-25T00:30',
      '2026-10-25T01:00',
      '2026-10-25T01:30',
      '2026-10-26T01:00',
    ]);
  });
});

describe('a day’s due times', () => {
  it.each(['Europe/Berlin', 'Australia/Lord_Howe', 'America/Santiago', 'Pacific/Chatham'])(
    'of %s are the same from wherever they are counted',
    (timeZone) => {
      for (const cron of ['30 2 * * *', '*/20 1-3 * * *', '0,45 0-2 * * *']) {
        const next = calendarOf({ cron, timeZone });
        const all = nextDues(next, Date.UTC(2026, 0, 1), 12_000).filter((at) => at < Date.UTC(2027, 0, 1));
        for (let at = Date.UTC(2026, 2, 1); at < Date.UTC(2026, 10, 15); at += 7 * 3_600_000 + 61_000)
          expect(next(at)).toBe(all.find((due) => due > at) ?? next(at));
      }
    },
  );
});

describe('what is no cron expression or time zone', () => {
  it.each([
    ['every day', 'UTC', /no cron expression.*as in/],
    ['61 * * * *', 'UTC', /no cron expression/],
    ['* * * * * *', 'UTC', /no cron expression/],
    ['0 6 * * *', 'Mars/Base', /no time zone.*Europe\/Berlin/],
    ['0 0 31 2 *', 'UTC', /never due/],
  ])('%s in %s is refused with the way out', (cron, timeZone, told) => {
    const check = () => checkTiming({ cron, timeZone }, Date.UTC(2026, 0, 1));
    expect(check).toThrow(CalendarError);
    expect(check).toThrow(told);
  });
});
