import { env } from 'cloudflare:workers';
import { beforeAll, describe, expect, test } from 'vitest';
import { type Projection, writeProjections } from '../db/projections.ts';
import type { Env } from '../env.ts';
import { tick } from '../scheduled.ts';
import { migrateDatabase } from '../test/database.ts';
import { Outside, until } from '../test/outside.ts';
import type { WeekFacts } from './weekly-facts.ts';
import { latestDueMs, postWeeklyReview } from './weekly-review.ts';
import { weeklyText } from './weekly-text.ts';

const MONDAY = Date.parse('2026-03-09T08:00:00Z');
const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;

test('is due on Mondays at 08:00 UTC', () => {
  const due = (time: string) => new Date(latestDueMs(Date.parse(time))).toISOString();
  expect(due('2026-03-09T08:00:00Z')).toBe('2026-03-09T08:00:00.000Z');
  expect(due('2026-03-09T07:59:59Z')).toBe('2026-03-02T08:00:00.000Z');
  expect(due('2026-03-15T23:00:00Z')).toBe('2026-03-09T08:00:00.000Z');
});

const week: WeekFacts = {
  fromMs: MONDAY - 7 * DAY_MS,
  toMs: MONDAY,
  actions: {
    episode_started: 4,
    event_accepted: 31,
    run_started: 9,
    tool: 120,
    telegram_send: 22,
    hook_unauthorized: 2,
    api_unauthorized: 1,
    relay_refused: 1,
    approval_recorded: 3,
  },
  ends: { resolved: 3, explained: 1, investigating: 4 },
  deniedTools: 2,
  refusedPushes: 1,
  deadLetters: { new: 1, open: 2 },
  agents: [
    { group: 'cody', runs: 5, calls: 80, microUsd: 4_210_000 },
    { group: 'ryan', runs: 4, calls: 9, microUsd: 90_000 },
  ],
};

test('fits a phone', () => {
  expect(weeklyText(week)).toBe(
    [
      '<b>Week in review</b>, 2 Mar – 8 Mar',
      'Incidents: 4 opened; 3 resolved, 1 explained',
      'Done: 31 events in, 9 agent sessions, 120 tool calls, 22 messages out, 3 decisions by people',
      'Refused: 3 wrong secrets (401), 1 relay, 1 fix or push, 2 commands',
      'Dead letters: 1 new, 2 waiting',
      'Cost: $4.30; cody $4.21 (5 runs), ryan $0.09 (4 runs)',
    ].join('\n'),
  );
});

test('is not written of a week in which nothing happened', () => {
  expect(weeklyText({ ...week, actions: { audit_root: 7 }, ends: {}, agents: [] })).toBeNull();
});

describe('the post', () => {
  let sent: string[] = [];
  beforeAll(async () => {
    await migrateDatabase();
    new Outside().on(async ({ url, body }) => {
      if (!url.pathname.endsWith('/sendMessage')) return undefined;
      sent.push((body as { text: string }).text);
      return Response.json({ ok: true, result: { message_id: sent.length, date: 1, chat: { id: 4711 } } });
    });
    const row = (seq: number, at: number, action: string, data: unknown): Projection => ({
      table: 'audit',
      row: {
        chain: 'inbox-0',
        seq,
        prev: 'p',
        hash: `h${seq}`,
        at,
        actor: 'x',
        action,
        data: JSON.stringify({ at, type: action, v: 1, data }),
      },
    });
    await writeProjections(env.DB, [
      row(1, MONDAY - 1, 'hook_unauthorized', {}),
      row(2, MONDAY - 7 * DAY_MS, 'status_changed', { status: 'resolved' }),
      row(3, MONDAY - 7 * DAY_MS - 1, 'hook_unauthorized', {}),
      row(4, MONDAY, 'hook_unauthorized', {}),
      row(5, MONDAY - 5, 'tool', { phase: 'denied' }),
    ]);
  });

  const reviews = () => sent.filter((text) => text.includes('Week in review'));
  const worker = env as Env;

  test('goes out once, though ticks come twice and at once', async () => {
    await postWeeklyReview(worker, MONDAY - MINUTE_MS);
    await Promise.all([tick(worker, MONDAY), tick(worker, MONDAY), postWeeklyReview(worker, MONDAY)]);
    await tick(worker, MONDAY + MINUTE_MS);
    const of = (end: string) => reviews().filter((text) => text.includes(end));
    await until(async () => of('2 Mar – 8 Mar').length > 0);
    // A chat gets a message a second at most: a second one would have come by then.
    await new Promise((resolve) => setTimeout(resolve, 1_300));
    expect(of('2 Mar – 8 Mar')).toHaveLength(1);
    expect(of('2 Mar – 8 Mar')[0]).toContain('1 wrong secret (401), 1 command');
    expect(of('2 Mar – 8 Mar')[0]).toContain('1 resolved');
  });

  test('goes out late when no tick came in time, and a quiet week is settled in silence', async () => {
    sent = [];
    await postWeeklyReview(worker, MONDAY + 12 * DAY_MS);
    await until(async () => reviews().length > 0);
    await postWeeklyReview(worker, MONDAY + 30 * DAY_MS);
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(reviews()).toHaveLength(1);
    const { results } = await env.DB.prepare(
      `SELECT id, told FROM periodic_posts WHERE id LIKE 'weekly-review:%' ORDER BY id`,
    ).all();
    expect(results.map(({ id, told }) => [id, told])).toEqual([
      ['weekly-review:2026-03-02', 1],
      ['weekly-review:2026-03-09', 1],
      ['weekly-review:2026-03-16', 1],
      ['weekly-review:2026-04-06', 0],
    ]);
  });
});
