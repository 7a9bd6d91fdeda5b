import { Hono } from 'hono';
import { z } from 'zod';
import { DELETED } from '../../durable-objects/shared/redact.ts';
import { groupQueueStub } from '../../durable-objects/stubs.ts';
import type { Env } from '../env.ts';
import { erase } from '../erasure.ts';
import { Refusal } from '../problems.ts';
import { auditOperator, OPERATOR } from './audit-operator.ts';
import { GROUPS, groupSchema } from './groups.ts';
import { pageOf } from './page.ts';
import { pathPart } from './path-part.ts';

const UNENDED: readonly string[] = ['waiting', 'active', 'steering'];

const messageSchema = z.string().regex(/^[\w:-]{1,120}$/);

/** What is said to the groups, whose turn it is, and what waits. */
export const groupMessagesApi = new Hono<{ Bindings: Env }>();

groupMessagesApi.get('/', async (context) =>
  context.json({ items: await Promise.all(GROUPS.map((group) => lineOf(context.env, group))), cursor: null }),
);

groupMessagesApi.get('/:group/messages', async (context) => {
  const group = pathPart(groupSchema, context.req.param('group'), 'group');
  const { cursor, limit } = pageOf(context.req.query());
  return context.json(await groupQueueStub(context.env, group).messages(cursor, limit));
});

/** A waiting message never runs; of an active one the run is canceled. */
groupMessagesApi.post('/:group/messages/:id/cancel', async (context) => {
  const group = pathPart(groupSchema, context.req.param('group'), 'group');
  const id = pathPart(messageSchema, context.req.param('id'), 'message');
  await auditOperator(context.env, 'message_cancel', { group, message: id });
  const answer = await groupQueueStub(context.env, group).cancel(id, OPERATOR, Date.now());
  if (answer.status === 'unknown') throw new Refusal('not_found', 'no such message');
  if (answer.status === 'too_late')
    throw new Refusal(
      'conflict',
      answer.state === 'steering'
        ? 'its session has it already; cancel the turn it works on'
        : `it is ${answer.state}`,
    );
  return context.json({ group, id, status: answer.status }, 202);
});

/** What a person said goes for good, with all copies; that something was said stays. */
groupMessagesApi.delete('/:group/messages/:id', async (context) => {
  const { env } = context;
  const group = pathPart(groupSchema, context.req.param('group'), 'group');
  const id = pathPart(messageSchema, context.req.param('id'), 'message');
  const queue = groupQueueStub(env, group);
  const found = await queue.find(id);
  if (found === null) throw new Refusal('not_found', 'no such message');
  if (UNENDED.includes(found.state))
    throw new Refusal('conflict', `it is ${found.state}; cancel it, or ask again when it has ended`);
  await auditOperator(env, 'message_delete', { group, message: id });
  const texts = [found.text, found.attachment ?? DELETED].filter((text) => text !== DELETED);
  const { incidents, runs } = found;
  await erase(env, { texts, messages: [id], incidents, runs, by: OPERATOR });
  await queue.blank(id);
  return context.json({ group, id, deleted: true });
});

async function lineOf(env: Env, group: string) {
  const queue = groupQueueStub(env, group);
  const [counts, { items }] = await Promise.all([queue.counts(), queue.messages(null, 1)]);
  return { group, ...counts, latest: items[0] ?? null };
}
