import { Hono } from 'hono';
import { idSchema, newId } from '../../core/contracts/ids.ts';
import type { RunRecord } from '../../durable-objects/run/run-record.ts';
import { runStub } from '../../durable-objects/stubs.ts';
import type { Env } from '../env.ts';
import { Refusal } from '../problems.ts';
import { auditAction } from '../routing/accept.ts';

/** `POST /api/runs/{id}/rerun`: the same task in the same image, as a run of its own that changes nothing outside. */
export const rerunApi = new Hono<{ Bindings: Env }>();

rerunApi.post('/runs/:id/rerun', async (context) => {
  const { env } = context;
  const of = context.req.param('id');
  if (!idSchema('run').safeParse(of).success) throw new Refusal('not_found', 'no such run');
  const record = (await runStub(env, of).view()) as RunRecord | null;
  if (record === null) throw new Refusal('not_found', 'no such run');
  const run = newId('run', Date.now(), crypto.getRandomValues(new Uint8Array(10)));
  await auditAction(env, {
    at: Date.now(),
    actor: 'operator',
    action: 'rerun',
    data: { run, of },
    subjects: {},
  });
  await runStub(env, run).start({ ...record.spec, run }, { of, imageDigest: record.imageDigest });
  return context.json({ run, of, imageDigest: record.imageDigest }, 202);
});
