import { Cron } from 'croner';
import type { ScheduleDefinition } from '../../core/schedules/definition.ts';
import type { NextDue } from '../../core/schedules/due.ts';

type Timing = Pick<ScheduleDefinition, 'cron' | 'timeZone'>;

/** A cron expression or a time zone means nothing; the message names it and the way out. */
export class CalendarError extends Error {
  override name = 'CalendarError';
  readonly retryable = false;
}

function cronOf({ cron, timeZone }: Timing): Cron {
  // Lists and ranges count as fixed times too: what daylight saving takes away is made good, once.
  return new Cron(cron, {
    timezone: timeZone,
    mode: '5-part',
    fixedTimeRule: 'no-wildcard',
    paused: true,
  });
}

/** Due times by croner. Throws `CalendarError`. What it means on days of daylight saving: `definition.ts`. */
export function calendarOf(timing: Timing): NextDue {
  checkTimeZone(timing.timeZone);
  try {
    const cron = cronOf(timing);
    return (afterMs) => cron.nextRun(new Date(afterMs))?.getTime() ?? null;
  } catch (error) {
    const why = error instanceof Error ? error.message.replace(/^CronPattern: /, '') : String(error);
    throw new CalendarError(
      `"${timing.cron}" is no cron expression (${why}); write minute, hour, day of month, month and day of week, as in "30 6 * * 1-5"`,
    );
  }
}

/** As `calendarOf`, and refuses what is never due again. */
export function checkTiming(timing: Timing, nowMs: number): void {
  if (calendarOf(timing)(nowMs) === null)
    throw new CalendarError(`"${timing.cron}" is never due; check its day and month`);
}

function checkTimeZone(timeZone: string): void {
  try {
    new Intl.DateTimeFormat('en', { timeZone });
  } catch {
    throw new CalendarError(
      `"${timeZone}" is no time zone; use a name of the IANA list, as in "Europe/Berlin" or "UTC"`,
    );
  }
}
