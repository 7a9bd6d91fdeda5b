import {
  INBOX_SHARDS,
  inboxShard,
  objectStub,
  runPoolStub,
  schedulerStub,
  telegramStub,
} from '../durable-objects/stubs.ts';
import { archiveAudit } from './audit/archive.ts';
import { postWeeklyReview } from './audit/weekly-review.ts';
import { makeNightlyManifest } from './backup/manifest.ts';
import { openRestore } from './backup/restore.ts';
import { sealNextDay } from './db/audit-root.ts';
import { overdueObjects, waitingDeliveries } from './db/queries.ts';
import { auditMonthsInD1, type Env } from './env.ts';
import { shardOf } from './routing/event-ids.ts';

/** An alarm is late by seconds at most; a timer this late has lost its alarm. */
const OVERDUE_MS = 60_000;
/** Objects poked per tick: with the rest this stays under the free plan’s 50 subrequests. */
const MAX_POKES = 12;

/** The minute tick: what an alarm should have done and did not is done now. */
export async function tick(env: Env, nowMs: number): Promise<void> {
  // Where D1 is away nothing is being restored into it, and the objects need the tick all the more.
  if ((await openRestore(env.DB).catch(() => null)) !== null) return;
  const work = [
    pokeOverdue(env, nowMs),
    keepAudit(env, nowMs),
    makeNightlyManifest(env, nowMs),
    postWeeklyReview(env, nowMs),
    telegramStub(env).poke(),
    runPoolStub(env).poke(),
    schedulerStub(env).poke(),
    pokeInboxes(env, nowMs),
  ];
  for (const result of await Promise.allSettled(work))
    if (result.status === 'rejected') console.error('tick', String(result.reason));
}

/** One after the other: only rows under a root are moved. */
async function keepAudit(env: Env, nowMs: number): Promise<void> {
  await sealNextDay(env.DB, nowMs);
  await archiveAudit(env.DB, env.ARTIFACTS, nowMs, auditMonthsInD1(env));
}

/**
 * The inboxes with an event that should have been delivered, and two that have their turn: one that lost its
 * alarm before a row of it came to D1 is found in a quarter of an hour, or in a few hours where ticks are rare.
 */
async function pokeInboxes(env: Env, nowMs: number): Promise<void> {
  const waiting = await waitingDeliveries(env.DB, nowMs - OVERDUE_MS, MAX_POKES);
  const minute = Math.floor(nowMs / 60_000);
  const turns = [minute, Math.floor(minute / INBOX_SHARDS)].map((turn) => turn % INBOX_SHARDS);
  const shards = new Set([...waiting.map(shardOf), ...turns]);
  await Promise.allSettled([...shards].map((shard) => inboxShard(env, shard).poke()));
}

async function pokeOverdue(env: Env, nowMs: number): Promise<void> {
  const overdue = await overdueObjects(env.DB, nowMs - OVERDUE_MS, MAX_POKES);
  await Promise.allSettled(overdue.map((name) => objectStub(env, name)?.poke()));
}
