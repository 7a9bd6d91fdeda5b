import { createMiddleware } from 'hono/factory';
import { bearerToken, matchesSecret } from '../constant-time.ts';
import { type Env, operatorTokens } from '../env.ts';
import { problemResponse } from '../problems.ts';
import { auditAction } from '../routing/accept.ts';

/** Lets only the operator’s token through; a wrong one is audited. */
export const requireOperator = createMiddleware<{ Bindings: Env }>(async (context, next) => {
  const given = bearerToken(context.req.header('authorization'));
  if (matchesSecret(given, operatorTokens(context.env))) return next();
  await auditAction(context.env, {
    at: Date.now(),
    actor: 'api',
    action: 'api_unauthorized',
    data: {
      method: context.req.method,
      path: context.req.path.slice(0, 200),
      token: given ? 'wrong' : 'missing',
    },
    subjects: {},
  });
  return problemResponse('unauthorized');
});
