import { Hono } from 'hono';
import { idSchema } from '../../core/contracts/ids.ts';
import { inboxByName, incidentStub } from '../../durable-objects/stubs.ts';
import { findSubject } from '../db/queries.ts';
import type { Env } from '../env.ts';
import { erase } from '../erasure.ts';
import { Refusal } from '../problems.ts';
import { OPERATOR } from './audit-operator.ts';

/**
 * `DELETE /api/subjects/{id}`: a person's text goes, with the salt of its digest, and so do its copies; journals and
 * the audit log keep the reference, so that every chain still holds. 409 while a session is reading it.
 */
export const subjectsApi = new Hono<{ Bindings: Env }>().delete('/:id', async (context) => {
  const { env } = context;
  const id = context.req.param('id');
  if (!idSchema('sub').safeParse(id).success) throw new Refusal('not_found', 'no such subject');
  const held = await findSubject(env.DB, id);
  if (held === null) throw new Refusal('not_found', 'no such subject');
  const isOfIncident = held.objectType === 'incident';
  const holder = isOfIncident ? incidentStub(env, held.object) : inboxByName(env, held.object);
  const text = await holder.subjectText(id);
  if (text !== null) {
    const incidents = isOfIncident ? [held.object] : [];
    await erase(env, { texts: [text], messages: [], incidents, runs: [], by: OPERATOR });
    await holder.deleteSubject(id, OPERATOR);
  }
  return context.json({ id, deleted: true });
});
