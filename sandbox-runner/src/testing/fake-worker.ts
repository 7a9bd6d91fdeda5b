import { serve } from '@hono/node-server';
import { Hono } from 'hono';
import { problemOf } from '../../../core/contracts/problem.ts';
import {
  type RelayRequest,
  type RunnerEvent,
  type RunnerReport,
  relayRequestSchema,
  runnerReportSchema,
} from '../../../core/contracts/run.ts';
import { type Bytes, sha256Hex, utf8 } from '../../../wire/encoding.ts';
import type { PublicKeys, SigningKey } from '../../../wire/keys.ts';
import { newNonce, signRequest } from '../../../wire/sign-request.ts';
import { verifyRequest } from '../../../wire/verify-request.ts';

/** The Worker's doors for runners, in memory, with signatures really verified. */
export interface FakeWorker {
  url: string;
  reports: RunnerReport[];
  /** Each event once, in the order of its first arrival. */
  events: RunnerEvent[];
  relays: RelayRequest[];
  artifacts: Map<string, Bytes>;
  refusals: string[];
  /** What the next answers say. */
  lost: string[];
  stop: boolean;
  down: boolean;
  routes: Set<string>;
  waitFor(type: RunnerEvent['type'], run?: string): Promise<RunnerEvent>;
  close(): Promise<void>;
}

export async function createFakeWorker(keys: PublicKeys): Promise<FakeWorker> {
  const nonces = new Set<string>();
  const seen = new Set<string>();
  const waiting: (() => void)[] = [];
  let authority = '';
  const app = new Hono();
  const refuse = (code: Parameters<typeof problemOf>[0], detail?: string) => {
    worker.refusals.push(code);
    const document = problemOf(code, detail);
    return new Response(JSON.stringify(document), { status: document.status });
  };

  app.use(async (context, next) => {
    if (worker.down) return refuse('unavailable');
    const body = new Uint8Array(await context.req.raw.clone().arrayBuffer());
    const verified = await verifyRequest(context.req.raw, body, {
      keys,
      authority,
      nowMs: Date.now(),
      seenNonce: async (key, nonce) => nonces.has(`${key} ${nonce}`) || !nonces.add(`${key} ${nonce}`),
    });
    return verified.ok ? next() : refuse(verified.code);
  });
  app.post('/runner/events', async (context) => {
    const report = runnerReportSchema.parse(await context.req.json());
    worker.reports.push(report);
    const acknowledged: Record<string, number> = {};
    for (const event of report.events) {
      acknowledged[event.run] = Math.max(acknowledged[event.run] ?? 0, event.seq);
      const key = `${event.run}.${event.fence}.${event.seq}`;
      if (!seen.has(key)) worker.events.push(event);
      seen.add(key);
    }
    for (const wake of waiting.splice(0)) wake();
    return context.json({ acknowledged, lost: worker.lost, stop: worker.stop });
  });
  app.post('/relay', async (context) => {
    const request = relayRequestSchema.parse(await context.req.json());
    if (!worker.routes.has(request.to))
      return refuse('route_not_allowed', `cody may not write to ${request.to}`);
    worker.relays.push(request);
    return context.json({});
  });
  app.put('/runner/artifacts/:run/:sha256', async (context) => {
    const bytes = new Uint8Array(await context.req.arrayBuffer());
    if ((await sha256Hex(bytes)) !== context.req.param('sha256')) return refuse('unprocessable');
    worker.artifacts.set(context.req.param('sha256'), bytes);
    return context.json({}, 201);
  });
  app.get('/runner/artifacts/:run/:sha256', (context) => {
    const bytes = worker.artifacts.get(context.req.param('sha256'));
    return bytes ? new Response(bytes) : refuse('not_found');
  });

  const { server, port } = await new Promise<{ server: ReturnType<typeof serve>; port: number }>((done) => {
    const server = serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' }, ({ port }) =>
      done({ server, port }),
    );
  });
  authority = `127.0.0.1:${port}`;
  const worker: FakeWorker = {
    url: `http://${authority}`,
    reports: [],
    events: [],
    relays: [],
    artifacts: new Map(),
    refusals: [],
    lost: [],
    stop: false,
    down: false,
    routes: new Set(['ryan']),
    async waitFor(type, run) {
      for (;;) {
        const found = worker.events.find((event) => event.type === type && (!run || event.run === run));
        if (found) return found;
        await new Promise<void>((wake) => waiting.push(wake));
      }
    },
    close: () =>
      new Promise((done) => {
        if ('closeAllConnections' in server) server.closeAllConnections();
        server.close(() => done());
      }),
  };
  return worker;
}

/** Sends a request to a runner as the Worker does. */
export async function askRunner(
  key: SigningKey,
  base: string,
  method: string,
  path: string,
  value?: unknown,
): Promise<Response> {
  const url = `${base}${path}`;
  const body = value === undefined ? undefined : utf8(JSON.stringify(value));
  const headers = await signRequest({
    method,
    url,
    ...(body ? { body } : {}),
    key,
    nowMs: Date.now(),
    nonce: newNonce(),
    authority: new URL(url).host,
  });
  return fetch(url, { method, headers, ...(body ? { body } : {}) });
}
