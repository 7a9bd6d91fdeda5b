import { Hono } from 'hono';
import { auditSearchRequestSchema } from '../../../core/contracts/audit-search.ts';
import { memberOf } from '../../../durable-objects/run/run-request.ts';
import { searchForAgent } from '../../audit/search-for-agent.ts';
import type { Env } from '../../env.ts';
import { problemResponse } from '../../problems.ts';
import { readLeasedRequest } from './leased-request.ts';

const MAX_BODY_BYTES = 16 * 1_024;

/** `POST /runner/audit-search`: an agent reads the audit log, in the name of its leased run. */
export const runnerAuditSearch = new Hono<{ Bindings: Env }>();

runnerAuditSearch.post('/runner/audit-search', async (c) => {
  const asked = await readLeasedRequest(c.env, c.req.raw, auditSearchRequestSchema, MAX_BODY_BYTES);
  if (!asked.ok) return asked.response;
  const { run, fence, input } = asked.body;
  if (!memberOf(asked.group)?.agent.tools.includes('audit_search'))
    return problemResponse('forbidden', `${asked.group} has no audit_search`);
  return c.json({ text: await searchForAgent(c.env, input, `${run}.${fence}`) });
});
