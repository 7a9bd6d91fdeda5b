import { Hono } from 'hono';
import { idSchema } from '../../core/contracts/ids.ts';
import {
  groupQueueStub,
  INBOX_SHARDS,
  inboxByName,
  inboxShard,
  incidentStub,
  schedulerStub,
  telegramStub,
} from '../../durable-objects/stubs.ts';
import { findSubject } from '../db/queries.ts';
import type { Env } from '../env.ts';
import { Refusal } from '../problems.ts';
import { GROUPS } from './groups.ts';

const OPERATOR = 'operator';

/**
 * `DELETE /api/subjects/{id}`: a person's text goes, with the salt of its digest; journals and the audit log
 * keep the reference, so that every chain still holds. Copies in chats and triggers that Dogwatch keeps go as well.
 */
export const subjectsApi = new Hono<{ Bindings: Env }>().delete('/:id', async (context) => {
  const { env } = context;
  const id = context.req.param('id');
  if (!idSchema('sub').safeParse(id).success) throw new Refusal('not_found', 'no such subject');
  const held = await findSubject(env.DB, id);
  if (held === null) throw new Refusal('not_found', 'no such subject');
  const holder =
    held.objectType === 'incident' ? incidentStub(env, held.object) : inboxByName(env, held.object);
  const deleted = await holder.deleteSubject(id, OPERATOR);
  if (deleted !== null) {
    // A text that came by hook or chat was kept with its event until that was delivered.
    for (let shard = 0; shard < INBOX_SHARDS; shard++) await inboxShard(env, shard).backup('rewrite');
    await telegramStub(env).redact(deleted.text);
    await schedulerStub(env).redact(deleted.text);
    for (const group of GROUPS) await groupQueueStub(env, group).redact(held.object, deleted.text);
  }
  return context.json({ id, deleted: true });
});
