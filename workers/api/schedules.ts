import { type Context, Hono } from 'hono';
import { z } from 'zod';
import { scheduleDefinitionSchema, scheduleIdSchema } from '../../core/schedules/definition.ts';
import type { ScheduleView } from '../../durable-objects/scheduler/scheduler-rows.ts';
import { schedulerStub } from '../../durable-objects/stubs.ts';
import type { Env } from '../env.ts';
import { Refusal } from '../problems.ts';
import { CalendarError, checkTiming } from '../schedules/calendar.ts';
import { newScheduleToken } from '../schedules/token.ts';
import { OPERATOR } from './audit-operator.ts';
import { answerFired, idempotencyKey } from './fired.ts';
import { GROUPS } from './groups.ts';
import { jsonBody } from './json-body.ts';
import { pathPart } from './path-part.ts';

/** What the clock starts. The Scheduler audits each change on its own chain. */
export const schedulesApi = new Hono<{ Bindings: Env }>();

schedulesApi.get('/', async (context) => {
  const items = (await schedulerStub(context.env).list()).map(shown);
  return context.json({ items, cursor: null });
});

/** With its newest firings, and what became of each. */
schedulesApi.get('/:id', async (context) => {
  const found = await schedulerStub(context.env).view(idOf(context));
  if (found === null) throw new Refusal('not_found', 'no such schedule');
  return context.json({ ...shown(found.schedule), firings: found.firings });
});

/** Makes or changes a schedule of the operator’s own: `{ cron, timeZone, policy, jitterMs, overlap, group, task }`. */
schedulesApi.put('/:id', async (context) => {
  const id = context.req.param('id');
  const body = await jsonBody(context.req.raw, z.record(z.string(), z.unknown()));
  const parsed = scheduleDefinitionSchema.safeParse({ ...body, id });
  if (!parsed.success) throw new Refusal('invalid_body', z.prettifyError(parsed.error));
  const definition = parsed.data;
  if (definition.group !== null && !GROUPS.includes(definition.group))
    throw new Refusal('invalid_body', `there is no group ${definition.group}; there is ${GROUPS.join(', ')}`);
  try {
    checkTiming(definition, Date.now());
  } catch (error) {
    if (error instanceof CalendarError) throw new Refusal('invalid_body', error.message);
    throw error;
  }
  const status = await schedulerStub(context.env).put(definition, OPERATOR);
  if (status === 'not_yours') throw new Refusal('conflict', NOT_YOURS);
  return context.json({ id, status }, status === 'created' ? 201 : 200);
});

schedulesApi.delete('/:id', async (context) => {
  const id = idOf(context);
  const status = await schedulerStub(context.env).remove(id, OPERATOR);
  if (status === 'unknown') throw new Refusal('not_found', 'no such schedule');
  if (status === 'not_yours') throw new Refusal('conflict', NOT_YOURS);
  return context.json({ id, status });
});

schedulesApi.post('/:id/:word{pause|resume}', async (context) => {
  const id = idOf(context);
  const paused = context.req.param('word') === 'pause';
  if (!(await schedulerStub(context.env).setPaused(id, paused, OPERATOR)))
    throw new Refusal('not_found', 'no such schedule');
  return context.json({ id, paused });
});

/** Now, besides its due times; also while it is paused. `Idempotency-Key`: repeated, it is one firing. */
schedulesApi.post('/:id/run', async (context) => {
  const schedule = idOf(context);
  const key = idempotencyKey(context.req.header('idempotency-key'));
  const answer = await schedulerStub(context.env).fire({
    schedule,
    key,
    cause: 'run',
    text: null,
    by: OPERATOR,
  });
  return context.json(answerFired(schedule, answer), 202);
});

/** A new token for `POST …/fire`, shown this once; an older one is void from now on. */
schedulesApi.post('/:id/token', async (context) => {
  const id = idOf(context);
  const { token, kept } = await newScheduleToken();
  if (!(await schedulerStub(context.env).setToken(id, kept, OPERATOR)))
    throw new Refusal('not_found', 'no such schedule');
  return context.json({ id, token }, 201, { 'cache-control': 'no-store' });
});

const NOT_YOURS =
  'it comes with the deploy: change it in the crew’s agent.toml, or pause it with POST /api/schedules/{id}/pause';

const idOf = (context: Context): string => pathPart(scheduleIdSchema, context.req.param('id'), 'schedule');

/** The times of the next runs stand in a list, where the API’s door does not know them by name. */
const shown = ({ nextRuns, ...schedule }: ScheduleView) => ({
  ...schedule,
  nextRuns: nextRuns.map((at) => new Date(at).toISOString()),
});
