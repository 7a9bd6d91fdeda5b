/**
 * The HTTP server under every twin: it logs requests, applies faults, answers the common control doors
 * (`GET /__twin/requests`, `GET|POST|DELETE /__twin/faults`) and closes without leaving a connection open.
 */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { createFaultBook, describeFault, type Fault, type FaultBook, type FaultRequest } from './faults.ts';
import { createRequestLog, type RequestLog } from './request-log.ts';

export type TwinRequest = {
  method: string;
  url: URL;
  /** Percent-encoded, as it came. */
  path: string;
  /** What the request log shows instead of the path; set it where the path holds a secret. */
  logPath: string;
  headers: IncomingMessage['headers'];
  raw: IncomingMessage;
  notes: Record<string, unknown>;
  /** The whole body, read once. Throws `BodyTooLargeError` past the server's limit. */
  body(): Promise<Buffer>;
  text(): Promise<string>;
  /** Throws `SyntaxError` where the body is no JSON. An empty body is `undefined`. */
  json(): Promise<unknown>;
};

export type TwinReply = {
  status: number;
  headers?: Record<string, string>;
  body?: string | Buffer;
};

/** Answers a reply, or `undefined` when it has written to `response` itself (streams). */
export type TwinHandler = (request: TwinRequest, response: ServerResponse) => Promise<TwinReply | undefined>;

export type TwinServerOptions = {
  handle: TwinHandler;
  host?: string;
  port?: number;
  bodyLimitBytes?: number;
  /** How the outside service words its errors; for faults with a status and for crashes of the twin (500). */
  errorReply?: (status: number, message: string, retryAfterSeconds?: number) => TwinReply;
  /** Hides a secret that the path holds, already before the handler runs. */
  redactPath?: (path: string) => string;
};

export type TwinServer = {
  /** `http://127.0.0.1:<port>`, without a slash at the end. */
  url: string;
  port: number;
  log: RequestLog;
  faults: FaultBook;
  close(): Promise<void>;
};

export class BodyTooLargeError extends Error {}

const defaultBodyLimitBytes = 200 * 1024 * 1024;

export function jsonReply(status: number, value: unknown, headers: Record<string, string> = {}): TwinReply {
  return {
    status,
    headers: { 'content-type': 'application/json; charset=utf-8', ...headers },
    body: JSON.stringify(value),
  };
}

export async function startTwinServer(options: TwinServerOptions): Promise<TwinServer> {
  const host = options.host ?? '127.0.0.1';
  const log = createRequestLog();
  const faults = createFaultBook();
  const server = createServer((raw, response) => {
    void answer(raw, response, options, log, faults);
  });
  // A pipeline or a model may be quiet for long; the twin never gives up first.
  server.requestTimeout = 0;
  await listen(server, options.port ?? 0, host);
  const port = (server.address() as AddressInfo).port;
  return { url: `http://${host}:${port}`, port, log, faults, close: () => closeServer(server) };
}

async function answer(
  raw: IncomingMessage,
  response: ServerResponse,
  options: TwinServerOptions,
  log: RequestLog,
  faults: FaultBook,
): Promise<void> {
  const startedAt = Date.now();
  const request = toTwinRequest(raw, options);
  const isControl = request.path.startsWith('/__twin/');
  const fault = isControl ? undefined : faults.take(request.method, request.path + request.url.search);
  response.on('close', () => {
    if (isControl) return;
    log.add({
      at: new Date(startedAt).toISOString(),
      method: request.method,
      path: request.logPath,
      query: request.url.search,
      status: response.headersSent ? response.statusCode : 0,
      durationMs: Date.now() - startedAt,
      requestBytes: Number(raw.headers['content-length'] ?? 0),
      responseBytes: Number(response.getHeader('content-length') ?? 0),
      ...(fault ? { fault: describeFault(fault) } : {}),
      ...(Object.keys(request.notes).length > 0 ? { notes: request.notes } : {}),
    });
  });
  try {
    const reply =
      (await commonDoor(request, log, faults)) ??
      (fault ? await applyFault(fault, request, response, options) : await options.handle(request, response));
    if (reply === 'drop') raw.socket.destroy();
    else if (reply) send(response, reply);
  } catch (error) {
    sendFailure(response, error, options);
  }
}

function sendFailure(response: ServerResponse, error: unknown, options: TwinServerOptions): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const status = error instanceof BodyTooLargeError ? 413 : error instanceof SyntaxError ? 400 : 500;
  const message = error instanceof Error ? error.message : String(error);
  send(response, (options.errorReply ?? plainError)(status, message));
}

async function applyFault(
  fault: Fault,
  request: TwinRequest,
  response: ServerResponse,
  options: TwinServerOptions,
): Promise<TwinReply | 'drop' | undefined> {
  if (fault.delayMs !== undefined) await sleep(fault.delayMs);
  if (fault.drop === 'before') return 'drop';
  if (fault.drop === 'after') {
    await options.handle(request, response);
    return 'drop';
  }
  if (fault.status === undefined) return options.handle(request, response);
  const headers: Record<string, string> =
    fault.retryAfterSeconds === undefined ? {} : { 'retry-after': String(fault.retryAfterSeconds) };
  if (fault.body !== undefined) return { status: fault.status, headers, body: fault.body };
  const reply = (options.errorReply ?? plainError)(
    fault.status,
    'A fault that was asked for',
    fault.retryAfterSeconds,
  );
  return { ...reply, headers: { ...reply.headers, ...headers } };
}

async function commonDoor(
  request: TwinRequest,
  log: RequestLog,
  faults: FaultBook,
): Promise<TwinReply | undefined> {
  if (request.path === '/__twin/requests' && request.method === 'GET') return jsonReply(200, log.entries());
  if (request.path !== '/__twin/faults') return undefined;
  if (request.method === 'POST') {
    const asked = (await request.json()) as FaultRequest | FaultRequest[];
    return jsonReply(201, (Array.isArray(asked) ? asked : [asked]).map(faults.add));
  }
  if (request.method === 'DELETE') faults.clear();
  return jsonReply(200, faults.list());
}

function toTwinRequest(raw: IncomingMessage, options: TwinServerOptions): TwinRequest {
  const limitBytes = options.bodyLimitBytes ?? defaultBodyLimitBytes;
  const url = new URL(raw.url ?? '/', 'http://twin.invalid');
  let reading: Promise<Buffer> | undefined;
  const body = (): Promise<Buffer> => {
    reading ??= readAll(raw, limitBytes);
    return reading;
  };
  const text = async (): Promise<string> => (await body()).toString('utf8');
  return {
    method: (raw.method ?? 'GET').toUpperCase(),
    url,
    path: url.pathname,
    logPath: options.redactPath ? options.redactPath(url.pathname) : url.pathname,
    headers: raw.headers,
    raw,
    notes: {},
    body,
    text,
    json: async () => {
      const content = await text();
      return content === '' ? undefined : (JSON.parse(content) as unknown);
    },
  };
}

async function readAll(raw: IncomingMessage, limitBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  for await (const chunk of raw as AsyncIterable<Buffer>) {
    sizeBytes += chunk.length;
    if (sizeBytes > limitBytes) throw new BodyTooLargeError(`body is larger than ${limitBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function send(response: ServerResponse, reply: TwinReply): void {
  const body =
    typeof reply.body === 'string' ? Buffer.from(reply.body, 'utf8') : (reply.body ?? Buffer.alloc(0));
  response.writeHead(reply.status, { 'content-length': String(body.length), ...reply.headers });
  response.end(body);
}

function plainError(status: number, message: string): TwinReply {
  return jsonReply(status, { error: message });
}

function listen(server: Server, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
