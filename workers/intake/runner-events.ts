import { Hono } from 'hono';
import { type RunnerEvent, type RunnerReportAnswer, runnerReportSchema } from '../../core/contracts/run.ts';
import { runPoolStub, runStub } from '../../durable-objects/stubs.ts';
import type { Env } from '../env.ts';
import { problemResponse } from '../problems.ts';
import { jsonOf, readBytes, verifyRunner } from './runner-signature.ts';

/** 200 events of at most 16 KB, and room for an intent's file list. */
const MAX_BODY_BYTES = 8 * 1_024 * 1_024;

/** `POST /runner/events`: heartbeat and what happened. A 200 means that all acknowledged events are kept. */
export const runnerEvents = new Hono<{ Bindings: Env }>();

runnerEvents.post('/runner/events', async (c) => {
  const body = await readBytes(c.req.raw, MAX_BODY_BYTES);
  if (body === null) return problemResponse('too_large');
  const proved = await verifyRunner(c.req.raw, body, c.env);
  if (!proved.ok) return problemResponse(proved.code);
  const report = runnerReportSchema.safeParse(jsonOf(body));
  if (!report.success) return problemResponse('invalid_body', report.error.issues[0]?.message);

  const { runner, at, health, leases, events } = report.data;
  const { lost, stop } = await runPoolStub(c.env).heartbeat({
    runner,
    at,
    capacity: health.capacity,
    running: health.running,
    problems: health.problems,
    leases,
  });
  const answer: RunnerReportAnswer = { acknowledged: await deliver(c.env, events), lost, stop };
  return c.json(answer);
});

async function deliver(env: Env, events: readonly RunnerEvent[]): Promise<Record<string, number>> {
  const byRun = Map.groupBy(events, ({ run }) => run);
  const answers = await Promise.all(
    [...byRun].map(async ([run, told]) => {
      const { acknowledged } = await runStub(env, run).receive(told);
      return [run, acknowledged] as const;
    }),
  );
  return Object.fromEntries(answers);
}
