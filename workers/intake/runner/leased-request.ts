import type { z } from 'zod';
import { runPoolStub } from '../../../durable-objects/stubs.ts';
import type { Env } from '../../env.ts';
import { problemResponse } from '../../problems.ts';
import { refuseRunner, speaksFor } from './identity.ts';
import { jsonOf, readBytes, verifyRunner } from './signature.ts';

export type LeasedRequest<Body> = { ok: true; body: Body; group: string } | { ok: false; response: Response };

/**
 * What a runner asks in the name of a run: signed, of this shape, under the lease that the run has now, by the
 * runner that holds it. Who asks follows from the lease, never from the body.
 */
export async function readLeasedRequest<Body extends { run: string; fence: number }>(
  env: Env,
  request: Request,
  schema: z.ZodType<Body>,
  maxBytes: number,
): Promise<LeasedRequest<Body>> {
  const refused = (response: Response) => ({ ok: false, response }) as const;
  const bytes = await readBytes(request, maxBytes);
  if (bytes === null) return refused(problemResponse('too_large'));
  const proved = await verifyRunner(request, bytes, env);
  if (!proved.ok) return refused(problemResponse(proved.code));
  const parsed = schema.safeParse(jsonOf(bytes));
  if (!parsed.success) return refused(problemResponse('invalid_body', parsed.error.issues[0]?.message));
  const { run, fence } = parsed.data;
  const lease = await runPoolStub(env).leaseOf(run);
  if (lease === null) return refused(problemResponse('forbidden', 'this run holds no lease'));
  if (lease.fence !== fence) return refused(problemResponse('stale_fence'));
  if (lease.runner === null || !speaksFor(env, proved.keyId, lease.runner)) {
    const { pathname: path } = new URL(request.url);
    const about = { keyId: proved.keyId, runner: lease.runner, run, path };
    return refused(await refuseRunner(env, 'not_its_run', about));
  }
  return { ok: true, body: parsed.data, group: lease.group };
}
