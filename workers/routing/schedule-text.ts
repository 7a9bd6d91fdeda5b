import { html } from '../../core/text/plain.ts';
import type { ScheduleView } from '../../durable-objects/scheduler/scheduler-rows.ts';

const MAX_LINES = 15;
const MARKS: Record<string, string> = { failed: '🔴', skipped: '⏭', going: '⏳', waiting: '⏳' };

/** What the clock starts next, soonest first, as Telegram HTML; times by the clocks of each schedule’s zone. */
export function scheduleText(schedules: readonly ScheduleView[]): string {
  const active = schedules.filter(({ active }) => active);
  if (active.length === 0) return 'No schedule is set up.';
  const lines = [...active].sort((a, b) => soonest(a) - soonest(b)).map(line);
  const more = lines.length > MAX_LINES ? [`… and ${lines.length - MAX_LINES} more`] : [];
  return ['<b>Next by the clock</b>', ...lines.slice(0, MAX_LINES), ...more].join('\n');
}

const soonest = ({ nextRuns }: ScheduleView): number => nextRuns[0] ?? Number.POSITIVE_INFINITY;

function line({ id, group, timeZone, paused, problem, nextRuns, lastResult }: ScheduleView): string {
  const who = group === null ? '' : ` (${html(group, 40)})`;
  const [next] = nextRuns;
  const when =
    problem !== null
      ? `broken: ${html(problem, 120)}`
      : paused
        ? 'paused'
        : next === undefined
          ? 'never'
          : `${wallClock(next, timeZone)} ${html(timeZone, 40)}`;
  const last = lastResult === null ? '' : `; last ${MARKS[lastResult.status] ?? ''}${lastResult.status}`;
  return `• <b>${html(id, 64)}</b>${who}: ${when}${last}`;
}

/** As in `Mon 04 May 06:30`. */
function wallClock(at: number, timeZone: string): string {
  const parts = new Intl.DateTimeFormat('en-GB', {
    timeZone,
    weekday: 'short',
    day: '2-digit',
    month: 'short',
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
  }).formatToParts(at);
  const part = (type: string): string => parts.find((one) => one.type === type)?.value ?? '';
  return `${part('weekday')} ${part('day')} ${part('month')} ${part('hour')}:${part('minute')}`;
}
