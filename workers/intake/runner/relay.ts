import { Hono } from 'hono';
import { derivedId } from '../../../core/contracts/ids.ts';
import { relayRequestSchema } from '../../../core/contracts/run.ts';
import { groupQueueStub, relayPolicyStub, runStub } from '../../../durable-objects/stubs.ts';
import { sha256, utf8 } from '../../../wire/encoding.ts';
import type { Env } from '../../env.ts';
import { problemResponse } from '../../problems.ts';
import { readLeasedRequest } from './leased-request.ts';

const MAX_BODY_BYTES = 256 * 1_024;

/**
 * `POST /relay`: an agent writes to another one. Who it is follows from the leased run that the runner names
 * and vouches for, never from the body; what is not on the allow-list is refused, audited, and not delivered.
 */
export const runnerRelay = new Hono<{ Bindings: Env }>();

runnerRelay.post('/relay', async (c) => {
  const asked = await readLeasedRequest(c.env, c.req.raw, relayRequestSchema, MAX_BODY_BYTES);
  if (!asked.ok) return asked.response;
  const { run, key, to, text } = asked.body;
  const from = asked.group;
  const at = Date.now();
  const message = derivedId('msg', await sha256(utf8(`relay/${run}/${key}`)));
  const incident = await runStub(c.env, run).incident();
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
