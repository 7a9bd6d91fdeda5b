import { Hono } from 'hono';
import { runPoolStub } from '../../durable-objects/stubs.ts';
import type { Env } from '../env.ts';
import { stopAll } from '../routing/stop-all.ts';
import { auditOperator, OPERATOR } from './audit-operator.ts';

/** The kill switch. */
export const stopApi = new Hono<{ Bindings: Env }>();

stopApi.post('/stop', async (context) => {
  await auditOperator(context.env, 'stop', {});
  const { ended, unreachable } = await stopAll(context.env, OPERATOR, Date.now());
  return context.json({
    stopped: true,
    killed: ended.length,
    unreachable: unreachable.length,
    unreachableRuns: unreachable,
  });
});

stopApi.post('/resume', async (context) => {
  await auditOperator(context.env, 'resume', {});
  await runPoolStub(context.env).resume(OPERATOR, Date.now());
  return context.json({ stopped: false });
});
