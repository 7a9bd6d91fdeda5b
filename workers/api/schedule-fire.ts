import { Hono } from 'hono';
import { z } from 'zod';
import { MAX_TEXT_CHARS } from '../../core/schedules/definition.ts';
import { schedulerStub } from '../../durable-objects/stubs.ts';
import { bearerToken } from '../constant-time.ts';
import type { Env } from '../env.ts';
import { readBody } from '../intake/body.ts';
import { problemResponse, Refusal } from '../problems.ts';
import { auditAction } from '../routing/accept.ts';
import { looksLikeToken, matchesToken } from '../schedules/token.ts';
import { answerFired, idempotencyKey } from './fired.ts';

/** Four bytes a character, and the JSON around. */
const MAX_BODY_BYTES = 4 * MAX_TEXT_CHARS + 1_024;
const bodySchema = z.strictObject({
  text: z.string().max(MAX_TEXT_CHARS, `at most ${MAX_TEXT_CHARS} characters`).nullish(),
});

/**
 * Row A9, `POST /api/schedules/{id}/fire` with that schedule’s own token, `{ "text": "…" }` or nothing, and an
 * optional `Idempotency-Key`. Whoever has no right token learns nothing, not even which schedules there are.
 */
export const scheduleFireApi = new Hono<{ Bindings: Env }>().post('/schedules/:id/fire', async (context) => {
  const { env } = context;
  const schedule = context.req.param('id');
  const given = bearerToken(context.req.header('authorization'));
  const isRight =
    looksLikeToken(given) && (await matchesToken(given, await schedulerStub(env).tokenOf(schedule)));
  if (!isRight) {
    await auditAction(env, {
      at: Date.now(),
      actor: 'api',
      action: 'schedule_unauthorized',
      data: { schedule: schedule.slice(0, 64), token: given === null ? 'missing' : 'wrong' },
      subjects: {},
    });
    return problemResponse('unauthorized');
  }
  const key = idempotencyKey(context.req.header('idempotency-key'));
  const text = await textOf(context.req.raw);
  const answer = await schedulerStub(env).fire({ schedule, key, cause: 'fire', text, by: 'trigger' });
  return context.json(answerFired(schedule, answer), 202);
});

async function textOf(request: Request): Promise<string | null> {
  const { text: body, truncated } = await readBody(request, MAX_BODY_BYTES);
  if (truncated) throw new Refusal('too_large', `at most ${MAX_TEXT_CHARS} characters of text`);
  if (body.trim() === '') return null;
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    throw new Refusal('bad_request', 'the body is not JSON; send {"text": "…"} or nothing');
  }
  const parsed = bodySchema.safeParse(value);
  if (!parsed.success) throw new Refusal('invalid_body', z.prettifyError(parsed.error));
  return parsed.data.text || null;
}
