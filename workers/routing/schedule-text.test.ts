import { describe, expect, it } from 'vitest';
import type { ScheduleView } from '../../durable-objects/scheduler/scheduler-rows.ts';
import { scheduleText } from './schedule-text.ts';

const view = (about: Partial<ScheduleView>): ScheduleView => ({
  id: 'nightly',
  group: 'sam',
  cron: '30 2 * * *',
  timeZone: 'Europe/Berlin',
  policy: 'latest',
  jitterMs: 0,
  overlap: 'skip',
  task: { kind: 'check_pipelines' },
  source: 'operator',
  active: true,
  paused: false,
  problem: null,
  hasToken: false,
  lastFiredAt: null,
  lastResult: null,
  nextRuns: [Date.UTC(2026, 2, 29, 1)],
  ...about,
});

describe('/schedule', () => {
  it('shows the soonest first, by the clocks of its zone', () => {
    const soon = view({ id: 'soon', group: null, timeZone: 'UTC', nextRuns: [Date.UTC(2026, 2, 28)] });
    expect(scheduleText([view({}), soon])).toBe(
      [
        '<b>Next by the clock</b>',
        '• <b>soon</b>: Sat 28 Mar 00:00 UTC',
        '• <b>nightly</b> (sam): Sun 29 Mar 03:00 Europe/Berlin',
      ].join('\n'),
    );
  });

  it('says what is paused, broken or failed, and leaves out what is inactive', () => {
    const text = scheduleText([
      view({ id: 'a', paused: true, nextRuns: [] }),
      view({ id: 'b', problem: 'no <zone>', nextRuns: [] }),
      view({
        id: 'c',
        lastResult: { id: 'c:1', status: 'failed', target: null, note: null, endedAt: 1 },
      }),
      view({ id: 'd', active: false }),
    ]);
    expect(text).toContain('a</b> (sam): paused');
    expect(text).toContain('broken: no &lt;zone&gt;');
    expect(text).toContain('last 🔴failed');
    expect(text).not.toContain('>d<');
  });
});
