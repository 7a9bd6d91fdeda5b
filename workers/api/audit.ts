import { Hono } from 'hono';
import { z } from 'zod';
import { searchAudit } from '../audit/search.ts';
import { listChains, positionOf, verifyChain } from '../audit/verify.ts';
import type { Env } from '../env.ts';
import { Refusal } from '../problems.ts';
import { pageOf } from './page.ts';

/** Epoch milliseconds, or a date and time of ISO 8601; a date alone is its beginning in UTC. */
const timeSchema = z
  .string()
  .max(40)
  .transform((text, context) => {
    const at = /^\d{1,15}$/.test(text) ? Number(text) : Date.parse(text);
    if (Number.isNaN(at)) context.addIssue({ code: 'custom', message: 'not a time' });
    return at;
  });
const text = z.string().min(1).max(200);
const filterSchema = z.object({
  incident: text.optional(),
  action: text.optional(),
  actor: text.optional(),
  run: text.optional(),
  from: timeSchema.optional(),
  to: timeSchema.optional(),
  q: text.optional(),
});
const chainSchema = z.string().regex(/^[A-Za-z0-9_-]{1,64}$/);

function parsed<T>(schema: z.ZodType<T>, value: unknown): T {
  const result = schema.safeParse(value);
  if (!result.success) throw new Refusal('bad_request', z.prettifyError(result.error));
  return result.data;
}

/** `/api/audit`: the log, wherever its rows lie, and whether it holds. */
export const auditApi = new Hono<{ Bindings: Env }>();

auditApi.get('/', async (context) => {
  const { DB, ARTIFACTS } = context.env;
  const query = context.req.query();
  const { incident, action, actor, run, from, to, q } = parsed(filterSchema, query);
  return context.json(
    await searchAudit(DB, ARTIFACTS, {
      ...pageOf(query),
      incident: incident ?? null,
      action: action ?? null,
      actor: actor ?? null,
      run: run ?? null,
      fromMs: from ?? null,
      toMs: to ?? null,
      q: q ?? null,
    }),
  );
});

auditApi.get('/chains', async (context) => {
  const { cursor, limit } = context.req.query();
  const page = pageOf(limit === undefined ? {} : { limit });
  const after = cursor === undefined ? null : parsed(chainSchema, cursor);
  return context.json(await listChains(context.env.DB, after, page.limit));
});

/** A bounded stretch of one chain; the answer's cursor goes on from there. */
auditApi.get('/verify', async (context) => {
  const { DB, ARTIFACTS } = context.env;
  const { chain, cursor } = context.req.query();
  const from = positionOf(cursor ?? null);
  if (from === null) throw new Refusal('bad_request', 'not a cursor of a verification');
  return context.json(await verifyChain(DB, ARTIFACTS, parsed(chainSchema, chain), from));
});
