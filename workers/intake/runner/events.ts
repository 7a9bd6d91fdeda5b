import { Hono } from 'hono';
import {
  type RunnerReport,
  type RunnerReportAnswer,
  runnerReportSchema,
} from '../../../core/contracts/run.ts';
import { runPoolStub, runStub } from '../../../durable-objects/stubs.ts';
import type { Env } from '../../env.ts';
import { problemResponse } from '../../problems.ts';
import { auditRefusedRunner, refuseRunner, speaksFor } from './identity.ts';
import { jsonOf, readBytes, verifyRunner } from './signature.ts';

const PATH = '/runner/events';
/** 200 events of at most 16 KB, and room for an intent's file list. */
const MAX_BODY_BYTES = 8 * 1_024 * 1_024;

/** `POST /runner/events`: heartbeat and what happened. A 200 means that all acknowledged events are kept. */
export const runnerEvents = new Hono<{ Bindings: Env }>();

runnerEvents.post(PATH, async (c) => {
  const body = await readBytes(c.req.raw, MAX_BODY_BYTES);
  if (body === null) return problemResponse('too_large');
  const proved = await verifyRunner(c.req.raw, body, c.env);
  if (!proved.ok) return problemResponse(proved.code);
  const report = runnerReportSchema.safeParse(jsonOf(body));
  if (!report.success) return problemResponse('invalid_body', report.error.issues[0]?.message);

  const { runner, at, health, leases } = report.data;
  if (!speaksFor(c.env, proved.keyId, runner))
    return refuseRunner(c.env, 'wrong_runner', { keyId: proved.keyId, runner, run: null, path: PATH });
  const { lost, stop } = await runPoolStub(c.env).heartbeat({
    runner,
    at,
    capacity: health.capacity,
    running: health.running,
    problems: health.problems,
    leases,
  });
  const { acknowledged, refused } = await deliver(c.env, report.data);
  for (const run of Object.keys(refused ?? {}))
    await auditRefusedRunner(c.env, 'not_its_run', { keyId: proved.keyId, runner, run, path: PATH });
  const answer: RunnerReportAnswer = { acknowledged, lost, stop, refused };
  return c.json(answer);
});

/** Each run takes what its own runners tell. */
async function deliver(
  env: Env,
  { runner, events }: RunnerReport,
): Promise<Pick<RunnerReportAnswer, 'acknowledged' | 'refused'>> {
  const acknowledged: Record<string, number> = {};
  const refused: Record<string, string> = {};
  const byRun = Map.groupBy(events, ({ run }) => run);
  await Promise.all(
    [...byRun].map(async ([run, told]) => {
      const answer = await runStub(env, run).receive(told, runner);
      acknowledged[run] = answer.acknowledged;
      if (answer.refused) refused[run] = 'not_its_run';
    }),
  );
  return { acknowledged, refused };
}
