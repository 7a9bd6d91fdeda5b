import {
  groupQueueStub,
  INBOX_SHARDS,
  inboxShard,
  incidentStub,
  runStub,
  schedulerStub,
  telegramStub,
} from '../durable-objects/stubs.ts';
import { GROUPS } from './api/groups.ts';
import { runsOf } from './db/queries.ts';
import type { Env } from './env.ts';
import { Refusal } from './problems.ts';

export interface Erasure {
  /** What is to be found nowhere any more. */
  texts: string[];
  /** Messages of which the runs that read them keep nothing. */
  messages: string[];
  /** Who is known to have been given it, besides those that are found. */
  incidents: string[];
  runs: string[];
  by: string;
}

/**
 * Takes a person's texts out of all copies, backups included: chats, queues, triggers, what is not delivered, the
 * tasks and sessions that were given them, and the transcripts of those. Safe to repeat; whoever holds the
 * original deletes it afterwards, so that a call that was broken off can be made again. Throws a Refusal while a
 * session is going on that may be reading.
 */
export async function erase(env: Env, { texts, messages, by, ...known }: Erasure): Promise<void> {
  const incidents = new Set(known.incidents);
  const runs = new Set(known.runs);
  for (const text of texts)
    for (const group of GROUPS) {
      const readers = await groupQueueStub(env, group).readersOf(text);
      for (const one of readers.incidents) incidents.add(one);
      for (const one of readers.runs) runs.add(one);
    }
  for (const run of await runsOf(env.DB, [...incidents])) runs.add(run);
  for (const run of runs) if (await runStub(env, run).isGoingOn()) refuse(run);

  for (const run of runs)
    if ((await runStub(env, run).redact({ texts, messages, by })) === 'going_on') refuse(run);
  for (const text of texts) {
    // A text that came by hook or chat was kept with its event until that was delivered.
    for (let shard = 0; shard < INBOX_SHARDS; shard++) await inboxShard(env, shard).redact(text);
    await telegramStub(env).redact(text);
    await schedulerStub(env).redact(text);
    for (const incident of incidents)
      if (!known.incidents.includes(incident)) await incidentStub(env, incident).redact(text, by);
    for (const group of GROUPS) await groupQueueStub(env, group).redact(text, known.incidents[0] ?? null);
    for (const incident of known.incidents) await incidentStub(env, incident).redact(text, by);
  }
}

function refuse(run: string): never {
  throw new Refusal(
    'conflict',
    `the session ${run} is going on and may be reading it; cancel it, or ask again when it has ended`,
  );
}
