import { telegramStub } from '../../durable-objects/stubs.ts';
import { type Env, telegramChats } from '../env.ts';
import { fetchWeekFacts } from './weekly-facts.ts';
import { weeklyText } from './weekly-text.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const WEEK_MS = 7 * DAY_MS;
/** Monday 1970-01-05, 08:00 UTC. */
const FIRST_MS = 4 * DAY_MS + 8 * HOUR_MS;

/** The latest Monday 08:00 UTC at or before a time. */
export const latestDueMs = (nowMs: number): number =>
  FIRST_MS + Math.floor((nowMs - FIRST_MS) / WEEK_MS) * WEEK_MS;

/**
 * Posts the review of the week that ended last Monday 08:00 UTC, once. A tick that was missed is made up for by
 * any later one of the week; weeks that passed without any tick are not told after the fact. Two ticks at once
 * hand over the same message under the same key, which is one message.
 */
export async function postWeeklyReview(env: Env, nowMs: number): Promise<void> {
  const dueMs = latestDueMs(nowMs);
  const id = `weekly-review:${new Date(dueMs).toISOString().slice(0, 10)}`;
  const known = await env.DB.prepare('SELECT 1 FROM periodic_posts WHERE id = ?').bind(id).first();
  if (known !== null) return;
  const operator = telegramChats(env).get('operator');
  if (!operator) return;
  const text = weeklyText(await fetchWeekFacts(env.DB, dueMs - WEEK_MS, dueMs));
  if (text !== null)
    await telegramStub(env).send({ key: id, ...operator, html: text, buttons: [], at: nowMs });
  await env.DB.prepare('INSERT INTO periodic_posts (id, at, told) VALUES (?, ?, ?) ON CONFLICT DO NOTHING')
    .bind(id, nowMs, text === null ? 0 : 1)
    .run();
}
