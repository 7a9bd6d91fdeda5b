import { Hono } from 'hono';
import { derivedId } from '../../core/contracts/ids.ts';
import { relayRequestSchema } from '../../core/contracts/run.ts';
import { groupQueueStub, relayPolicyStub, runPoolStub, runStub } from '../../durable-objects/stubs.ts';
import { sha256, utf8 } from '../../wire/encoding.ts';
import type { Env } from '../env.ts';
import { problemResponse } from '../problems.ts';
import { refuseRunner, speaksFor } from './runner-identity.ts';
import { jsonOf, readBytes, verifyRunner } from './runner-signature.ts';

const MAX_BODY_BYTES = 256 * 1_024;

/**
 * `POST /relay`: an agent writes to another one. Who it is follows from the leased run that the runner names
 * and vouches for, never from the body; what is not on the allow-list is refused, audited, and not delivered.
 */
export const runnerRelay = new Hono<{ Bindings: Env }>();

runnerRelay.post('/relay', async (c) => {
  const body = await readBytes(c.req.raw, MAX_BODY_BYTES);
  if (body === null) return problemResponse('too_large');
  const proved = await verifyRunner(c.req.raw, body, c.env);
  if (!proved.ok) return problemResponse(proved.code);
  const request = relayRequestSchema.safeParse(jsonOf(body));
  if (!request.success) return problemResponse('invalid_body', request.error.issues[0]?.message);

  const { run, fence, key, to, text } = request.data;
  const lease = await runPoolStub(c.env).leaseOf(run);
  if (lease === null) return problemResponse('forbidden', 'this run holds no lease');
  if (lease.fence !== fence) return problemResponse('stale_fence');
  if (lease.runner === null || !speaksFor(c.env, proved.keyId, lease.runner))
    return refuseRunner(c.env, 'not_its_run', {
      keyId: proved.keyId,
      runner: lease.runner,
      run,
      path: '/relay',
    });

  const at = Date.now();
  const message = derivedId('msg', await sha256(utf8(`relay/${run}/${key}`)));
  const incident = await runStub(c.env, run).incident();
  const from = lease.group;
  const conversation = incident ?? run;
  const answer = await relayPolicyStub(c.env).ask({
    from,
    to,
    message,
    conversation,
    incident,
    run,
    text,
    at,
  });
  if (!answer.allowed) return problemResponse(answer.code, answer.reason);

  await groupQueueStub(c.env, to).enqueue({
    id: message,
    group: to,
    thread: conversation,
    from,
    text,
    turn: false,
    incident,
    at,
  });
  return c.json({ message });
});
