import { Hono } from 'hono';
import { z } from 'zod';
import { runPoolStub } from '../../durable-objects/stubs.ts';
import type { Env } from '../env.ts';
import { OPERATOR } from './audit-operator.ts';
import { jsonBody } from './json-body.ts';

/** What may be spent and what was; the pool audits the override on its own chain. */
export const budgetApi = new Hono<{ Bindings: Env }>();

budgetApi.get('/', async (context) => context.json((await runPoolStub(context.env).status()).budget));

/** Lets P0 and people pass the 90% of every cap, never the cap itself, until the UTC day ends. */
budgetApi.post('/override', async (context) => {
  const { on } = await jsonBody(context.req.raw, z.strictObject({ on: z.boolean() }));
  const until = await runPoolStub(context.env).override(on, OPERATOR);
  return context.json({ on, until });
});
