import { Hono } from 'hono';
import { sha256Schema } from '../../../core/contracts/artifact.ts';
import { idSchema } from '../../../core/contracts/ids.ts';
import { runStub } from '../../../durable-objects/stubs.ts';
import { getArtifact, putArtifact, sha256Of } from '../../artifacts.ts';
import type { Env } from '../../env.ts';
import { problemResponse } from '../../problems.ts';
import { refuseRunner, speaksFor } from './identity.ts';
import { readBytes, verifyRunner } from './signature.ts';

/**
 * Below the Worker's 128 MB of memory: the signature covers the body, so that the whole of it is held while it
 * is checked.
 */
const MAX_ARTIFACT_BYTES = 64 * 1_024 * 1_024;

/** `PUT` and `GET /runner/artifacts/{run}/{sha256}`: large things, by what they contain. */
export const runnerArtifacts = new Hono<{ Bindings: Env }>();

function partsOf(run: string, sha256: string): { run: string; sha256: string } | null {
  const isWellFormed = idSchema('run').safeParse(run).success && sha256Schema.safeParse(sha256).success;
  return isWellFormed ? { run, sha256 } : null;
}

/** Null: this runner has or had the run, or performs one of its intents. */
async function refuseStranger(env: Env, keyId: string, run: string): Promise<Response | null> {
  const runners = await runStub(env, run).runners();
  if (runners.length === 0) return problemResponse('not_found', 'no runner ever had this run');
  if (runners.some((runner) => speaksFor(env, keyId, runner))) return null;
  return refuseRunner(env, 'not_its_run', { keyId, runner: null, run, path: '/runner/artifacts' });
}

runnerArtifacts.put('/runner/artifacts/:run/:sha256', async (c) => {
  const named = partsOf(c.req.param('run'), c.req.param('sha256'));
  if (named === null) return problemResponse('not_found');
  const body = await readBytes(c.req.raw, MAX_ARTIFACT_BYTES);
  if (body === null) return problemResponse('too_large');
  const proved = await verifyRunner(c.req.raw, body, c.env);
  if (!proved.ok) return problemResponse(proved.code);
  if ((await sha256Of(body)) !== named.sha256)
    return problemResponse('unprocessable', 'the body does not have this SHA-256');
  const refused = await refuseStranger(c.env, proved.keyId, named.run);
  if (refused !== null) return refused;
  const contentType = c.req.header('content-type') ?? 'application/octet-stream';
  const { sizeBytes } = await putArtifact(c.env.ARTIFACTS, body, { name: named.sha256, contentType });
  return c.json({ sha256: named.sha256, sizeBytes }, 201);
});

runnerArtifacts.get('/runner/artifacts/:run/:sha256', async (c) => {
  const named = partsOf(c.req.param('run'), c.req.param('sha256'));
  if (named === null) return problemResponse('not_found');
  const proved = await verifyRunner(c.req.raw, new Uint8Array(), c.env);
  if (!proved.ok) return problemResponse(proved.code);
  const refused = await refuseStranger(c.env, proved.keyId, named.run);
  if (refused !== null) return refused;
  if (!(await runStub(c.env, named.run).mayRead(named.sha256)))
    return problemResponse('forbidden', 'this run was not given that artifact');
  const found = await getArtifact(c.env.ARTIFACTS, named.sha256);
  if (found === null) return problemResponse('not_found');
  return new Response(found.body, {
    headers: {
      'content-type': found.httpMetadata?.contentType ?? 'application/octet-stream',
      'content-length': String(found.size),
    },
  });
});
