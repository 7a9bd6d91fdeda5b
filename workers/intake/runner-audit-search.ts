import { Hono } from 'hono';
import { auditSearchRequestSchema } from '../../core/contracts/audit-search.ts';
import { memberOf } from '../../durable-objects/run/run-request.ts';
import { runPoolStub } from '../../durable-objects/stubs.ts';
import { searchForAgent } from '../audit/search-for-agent.ts';
import type { Env } from '../env.ts';
import { problemResponse } from '../problems.ts';
import { refuseRunner, speaksFor } from './runner-identity.ts';
import { jsonOf, readBytes, verifyRunner } from './runner-signature.ts';

const MAX_BODY_BYTES = 16 * 1_024;

/** `POST /runner/audit-search`: an agent reads the audit log, in the name of its leased run. */
export const runnerAuditSearch = new Hono<{ Bindings: Env }>();

runnerAuditSearch.post('/runner/audit-search', async (c) => {
  const body = await readBytes(c.req.raw, MAX_BODY_BYTES);
  if (body === null) return problemResponse('too_large');
  const proved = await verifyRunner(c.req.raw, body, c.env);
  if (!proved.ok) return problemResponse(proved.code);
  const request = auditSearchRequestSchema.safeParse(jsonOf(body));
  if (!request.success) return problemResponse('invalid_body', request.error.issues[0]?.message);
  const { run, fence, input } = request.data;
  const lease = await runPoolStub(c.env).leaseOf(run);
  if (lease === null) return problemResponse('forbidden', 'this run holds no lease');
  if (lease.fence !== fence) return problemResponse('stale_fence');
  if (lease.runner === null || !speaksFor(c.env, proved.keyId, lease.runner))
    return refuseRunner(c.env, 'not_its_run', {
      keyId: proved.keyId,
      runner: lease.runner,
      run,
      path: '/runner/audit-search',
    });
  if (!memberOf(lease.group)?.agent.tools.includes('audit_search'))
    return problemResponse('forbidden', `${lease.group} has no audit_search`);
  return c.json({ text: await searchForAgent(c.env, input, `${run}.${fence}`) });
});
