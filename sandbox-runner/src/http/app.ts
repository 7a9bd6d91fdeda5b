import { Hono } from 'hono';
import type { z } from 'zod';
import { type ProbeAnswer, probeRequestSchema } from '../../../core/contracts/host-command.ts';
import { type IntentOutcome, performIntentSchema } from '../../../core/contracts/intents.ts';
import { type ProblemCode, problemOf } from '../../../core/contracts/problem.ts';
import { runMessageSchema, runRequestSchema } from '../../../core/contracts/run.ts';
import { type Bytes, sha256Hex } from '../../../wire/encoding.ts';
import type { PublicKeys } from '../../../wire/keys.ts';
import { verifyRequest } from '../../../wire/verify-request.ts';
import { RemoteError } from '../git/remote.ts';
import type { Logger } from '../logger.ts';
import type { RunManager } from '../runs/run-manager.ts';
import { WorkerError } from '../worker/worker-client.ts';
import type { NonceStore } from './nonce-store.ts';

export interface RunnerAppDeps {
  runs: Pick<RunManager, 'start' | 'state' | 'cancel' | 'say' | 'slots'>;
  performIntent: (asked: z.infer<typeof performIntentSchema>) => Promise<IntentOutcome>;
  probe: (host: string) => Promise<ProbeAnswer>;
  health: () => Promise<unknown>;
  keys: PublicKeys;
  /** Our public name in signatures; known once we listen. */
  authority: () => string;
  nonces: Pick<NonceStore, 'seen'>;
  nowMs: () => number;
  logger: Logger;
}

/** Charter and prompt have 200,000 characters each; JSON and UTF-8 may make several bytes of one. */
const MAX_BODY_BYTES = 3 * 1_024 * 1_024;
/** What a full runner asks the pool to wait. */
const RETRY_AFTER_S = '15';

type Variables = { body: Bytes };
type App = { Variables: Variables };

function problem(code: ProblemCode, detail?: string): Response {
  const document = problemOf(code, detail);
  const headers = new Headers({ 'content-type': 'application/problem+json' });
  if (document.status === 429 || document.status === 503) headers.set('retry-after', RETRY_AFTER_S);
  return new Response(JSON.stringify(document), { status: document.status, headers });
}

/** The body, unless it is larger than allowed: read chunk by chunk, for a declared length may lie. */
async function readBounded(request: Request): Promise<Bytes | null> {
  if (Number(request.headers.get('content-length') ?? 0) > MAX_BODY_BYTES) return null;
  if (!request.body) return new Uint8Array();
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of request.body) {
    bytes += chunk.length;
    if (bytes > MAX_BODY_BYTES) return null;
    chunks.push(chunk);
  }
  return new Uint8Array(Buffer.concat(chunks));
}

type Read<T> = { ok: true; value: T } | { ok: false; detail: string };

function readJson<T>(schema: z.ZodType<T>, body: Bytes): Read<T> {
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder().decode(body));
  } catch {
    return { ok: false, detail: 'the body is not JSON' };
  }
  const parsed = schema.safeParse(json);
  if (parsed.success) return { ok: true, value: parsed.data };
  const faults = parsed.error.issues.slice(0, 5).map(({ path, message }) => `${path.join('.')}: ${message}`);
  return { ok: false, detail: faults.join('; ') };
}

/** The doors of the runner. All but `/health` open only to requests that the Worker signed. */
export function createRunnerApp(deps: RunnerAppDeps): Hono<App> {
  const app = new Hono<App>();

  app.get('/health', async (context) => context.json(await deps.health()));

  app.use('/v1/*', async (context, next) => {
    const body = await readBounded(context.req.raw);
    if (body === null) return problem('too_large');
    const verified = await verifyRequest(context.req.raw, body, {
      keys: deps.keys,
      authority: deps.authority(),
      nowMs: deps.nowMs(),
      seenNonce: (key, nonce, expiresAtMs) => deps.nonces.seen(key, nonce, expiresAtMs),
    });
    if (!verified.ok) {
      deps.logger.warn('a request was refused', { code: verified.code, path: context.req.path });
      return problem(verified.code);
    }
    context.set('body', body);
    return next();
  });

  app.put('/v1/runs/:id', async (context) => {
    const body = context.get('body');
    const read = readJson(runRequestSchema, body);
    if (!read.ok) return problem('invalid_body', read.detail);
    const request = read.value;
    if (request.id !== context.req.param('id')) return problem('invalid_body', 'the ids differ');
    const decision = await deps.runs.start(request, await sha256Hex(body));
    if (decision.kind === 'start') return context.json({ id: request.id, state: 'running' }, 202);
    if (decision.kind === 'known') return context.json(deps.runs.state(request.id), 200);
    if (decision.kind !== 'full') return problem(decision.kind);
    const { capacity, running, closing } = deps.runs.slots;
    const free = closing ? 0 : Math.max(0, capacity - running);
    return problem('full', `${free} of ${capacity} free${closing ? ', and shutting down' : ''}`);
  });

  app.get('/v1/runs/:id', (context) => {
    const state = deps.runs.state(context.req.param('id'));
    return state ? context.json(state) : problem('not_found');
  });

  app.delete('/v1/runs/:id', (context) => {
    const id = context.req.param('id');
    const fence = context.req.query('fence');
    const reason = context.req.query('reason') ?? 'canceled by the control plane';
    const answer = deps.runs.cancel(id, fence === undefined ? null : Number(fence), reason.slice(0, 500));
    if (answer === 'unknown') return problem('not_found');
    if (answer === 'stale_fence') return problem('stale_fence');
    return context.json(deps.runs.state(id), 202);
  });

  app.put('/v1/runs/:id/messages/:message', (context) => {
    const read = readJson(runMessageSchema, context.get('body'));
    if (!read.ok) return problem('invalid_body', read.detail);
    const message = read.value;
    if (message.id !== context.req.param('message')) return problem('invalid_body', 'the ids differ');
    const answer = deps.runs.say(context.req.param('id'), message);
    if (answer === 'unknown') return problem('not_found');
    if (answer === 'stale_fence' || answer === 'ended') return problem(answer);
    return context.json({ id: message.id, state: answer }, answer === 'known' ? 200 : 202);
  });

  app.put('/v1/intents/:id', async (context) => {
    const read = readJson(performIntentSchema, context.get('body'));
    if (!read.ok) return problem('invalid_body', read.detail);
    if (read.value.intent.id !== context.req.param('id')) return problem('invalid_body', 'the ids differ');
    return context.json(await deps.performIntent(read.value));
  });

  app.post('/v1/probes', async (context) => {
    const read = readJson(probeRequestSchema, context.get('body'));
    if (!read.ok) return problem('invalid_body', read.detail);
    return context.json(await deps.probe(read.value.host));
  });

  app.notFound(() => problem('not_found'));
  app.onError((error, context) => {
    deps.logger.error('a request failed', { path: context.req.path, error });
    if ((error as NodeJS.ErrnoException).code === 'ENOSPC')
      return problem('unavailable', "disk: the runner's disk is full; free some where its state is kept");
    const known = error instanceof RemoteError || error instanceof WorkerError;
    return problem('unavailable', known ? error.message : undefined);
  });
  return app;
}
