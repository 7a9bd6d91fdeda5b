import { Hono } from 'hono';
import { sha256Hex } from '../../../durable-objects/shared/journal.ts';
import { basicPassword, matchesSecret } from '../../constant-time.ts';
import { azureDevOpsHookSecrets, azureDevOpsProjects, type Env } from '../../env.ts';
import { problemResponse } from '../../problems.ts';
import { acceptEvent, auditAction, type Incoming } from '../../routing/accept.ts';
import { configuredProject } from '../../routing/projects.ts';
import { type Body, readBody } from '../body.ts';
import { parseAzureDevOpsHook } from './parse.ts';

export const MAX_BODY_BYTES = 2 * 1024 * 1024;

/**
 * `POST /hooks/azure-devops`. 401 for a wrong secret, 503 when something of ours fails, and 202 for all else,
 * also for what is only kept for inspection: any other answer makes Azure DevOps stop sending.
 */
export const azureDevOpsHook = new Hono<{ Bindings: Env }>().post('/', async (context) => {
  const { env, req } = context;
  const receivedAt = Date.now();
  const given = req.header('x-webhook-secret') ?? basicPassword(req.header('authorization'));
  if (!matchesSecret(given, azureDevOpsHookSecrets(env))) {
    await auditAction(env, {
      at: receivedAt,
      actor: 'azure-devops',
      action: 'hook_unauthorized',
      data: { door: '/hooks/azure-devops', secret: given ? 'wrong' : 'missing' },
      subjects: {},
    });
    return problemResponse('unauthorized');
  }
  const body = await readBody(req.raw, MAX_BODY_BYTES);
  const incoming = readAzureDevOpsHook(body, azureDevOpsProjects(env), receivedAt);
  return context.json(await acceptEvent(env, incoming), 202);
});

/** What an authenticated body comes to, before anything outside is asked. */
export function readAzureDevOpsHook(body: Body, projects: readonly string[], receivedAt: number): Incoming {
  const base = { source: 'azure-devops', receivedAt, body: body.text } as const;
  const refused = (delivery: string, type: string, refusedBecause: string): Incoming => ({
    ...base,
    delivery,
    type,
    payload: null,
    refusedBecause,
  });
  if (body.truncated)
    return refused(
      `body:${sha256Hex(body.text)}`,
      'oversized',
      `larger than ${MAX_BODY_BYTES} bytes; only the beginning was kept`,
    );
  const parsed = parseAzureDevOpsHook(body.text, () => sha256Hex(body.text));
  if (!parsed.ok) return refused(parsed.delivery, parsed.type, `${parsed.code}: ${parsed.reason}`);
  const { name } = parsed.event.project;
  if (name !== null && configuredProject(name, projects) === null)
    return refused(parsed.delivery, parsed.type, `project ${name} is not in AZURE_DEVOPS_PROJECTS`);
  return {
    ...base,
    delivery: parsed.delivery,
    type: parsed.type,
    payload: parsed.event,
    refusedBecause: null,
  };
}
