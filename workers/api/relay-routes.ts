import { Hono } from 'hono';
import { relayPolicyStub } from '../../durable-objects/stubs.ts';
import type { Env } from '../env.ts';
import { Refusal } from '../problems.ts';
import { OPERATOR } from './audit-operator.ts';
import { groupSchema } from './groups.ts';
import { pathPart } from './path-part.ts';

/** Which agent may write to which. The policy audits each change on its own chain. */
export const relayRoutesApi = new Hono<{ Bindings: Env }>();

relayRoutesApi.get('/', async (context) =>
  context.json({ items: await relayPolicyStub(context.env).routes(), cursor: null }),
);

relayRoutesApi.put('/:from/:to', async (context) => {
  const { from, to } = routeOf(context.req.param());
  await relayPolicyStub(context.env).allow(from, to, OPERATOR, Date.now());
  return context.json({ from, to, allowed: true });
});

relayRoutesApi.delete('/:from/:to', async (context) => {
  const { from, to } = routeOf(context.req.param());
  if (!(await relayPolicyStub(context.env).remove(from, to, OPERATOR, Date.now())))
    throw new Refusal('not_found', 'there is no such route');
  return context.json({ from, to, allowed: false });
});

function routeOf(params: { from: string; to: string }): { from: string; to: string } {
  const from = pathPart(groupSchema, params.from, 'group');
  const to = pathPart(groupSchema, params.to, 'group');
  if (from === to) throw new Refusal('bad_request', 'a group needs no route to itself');
  return { from, to };
}
