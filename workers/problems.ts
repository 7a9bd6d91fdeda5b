import type { Context } from 'hono';
import { type ProblemCode, problemOf } from '../core/contracts/problem.ts';
import { type Env, SettingError } from './env.ts';

/** How long a sender should wait when something of ours failed. */
const RETRY_AFTER_SECONDS = 10;

/** An expected refusal on its way to the caller. */
export class Refusal extends Error {
  readonly code: ProblemCode;
  readonly detail: string | undefined;

  constructor(code: ProblemCode, detail?: string) {
    super(detail ?? code);
    this.name = 'Refusal';
    this.code = code;
    this.detail = detail;
  }
}

export function problemResponse(code: ProblemCode, detail?: string): Response {
  const problem = problemOf(code, detail);
  const headers = new Headers({ 'content-type': 'application/problem+json' });
  if (problem.status === 401) headers.set('www-authenticate', 'Bearer');
  if (problem.status === 503) headers.set('retry-after', String(RETRY_AFTER_SECONDS));
  return new Response(JSON.stringify(problem), { status: problem.status, headers });
}

export const notFound = (): Response => problemResponse('not_found');

/**
 * The one place where errors become answers. What fails of ours is 503 with Retry-After, never 500: a sender
 * of hooks takes anything else as a reason to stop sending.
 */
export function onError(error: Error, context: Context<{ Bindings: Env }>): Response {
  if (error instanceof Refusal) return problemResponse(error.code, error.detail);
  console.error(context.req.method, context.req.path, error.name, error.message);
  if (error instanceof SettingError) return problemResponse('unavailable', error.message);
  return problemResponse('unavailable');
}
