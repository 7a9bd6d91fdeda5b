import { Webhooks } from '@octokit/webhooks';
import { Hono } from 'hono';
import { sha256Of } from '../../artifacts.ts';
import { type Env, githubHookSecrets } from '../../env.ts';
import { problemResponse } from '../../problems.ts';
import { acceptEvent, auditAction } from '../../routing/accept.ts';
import { readBody } from '../body.ts';

/** GitHub’s own limit for a webhook’s payload. */
const MAX_BODY_BYTES = 25 * 1024 * 1024;

/** `POST /hooks/github`: the signature is verified, the event kept for inspection; no loop listens yet. */
export const githubHook = new Hono<{ Bindings: Env }>().post('/', async (context) => {
  const { env, req } = context;
  const secrets = githubHookSecrets(env);
  if (secrets === null)
    return problemResponse('unavailable', 'GITHUB_WEBHOOK_SECRET: is not set; set it to open this door');
  const receivedAt = Date.now();
  const body = await readBody(req.raw, MAX_BODY_BYTES);
  if (body.truncated) return problemResponse('too_large');
  if (!(await isSigned(body.text, req.header('x-hub-signature-256'), secrets))) {
    await auditAction(env, {
      at: receivedAt,
      actor: 'github',
      action: 'hook_unauthorized',
      data: { door: '/hooks/github' },
      subjects: {},
    });
    return problemResponse('unauthorized');
  }
  const delivery =
    req.header('x-github-delivery') ?? `body:${await sha256Of(new TextEncoder().encode(body.text))}`;
  const accepted = await acceptEvent(env, {
    source: 'github',
    delivery,
    type: req.header('x-github-event') ?? 'unknown',
    receivedAt,
    payload: null,
    refusedBecause: 'not_handled: no loop listens to GitHub yet',
    body: body.text,
  });
  return context.json(accepted, 202);
});

async function isSigned(
  body: string,
  signature: string | undefined,
  secrets: readonly string[],
): Promise<boolean> {
  if (!signature?.startsWith('sha256=')) return false;
  let found = false;
  for (const secret of secrets) {
    const verified = await new Webhooks({ secret }).verify(body, signature).catch(() => false);
    found = verified || found;
  }
  return found;
}
