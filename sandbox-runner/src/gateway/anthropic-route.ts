import type { IncomingMessage, ServerResponse } from 'node:http';
import { type Usage, usageFromProvider } from '../../../core/contracts/usage.ts';
import { createRedactor } from '../logger.ts';
import { allowedBetas, checkModelRequest, type ModelPolicy } from './anthropic-policy.ts';
import { readJsonUsage, readStreamUsage } from './reply-usage.ts';
import { joinUrl, openUpstream, pick, readBody } from './upstream.ts';

const MAX_REQUEST_BYTES = 32 * 1024 * 1024;
/** A session makes two at a time: its own and a small one of the SDK. Each holds its body in memory. */
const MAX_AT_ONCE = 6;
const MAX_ERROR_BYTES = 64 * 1024;

const ANSWER_HEADERS = [
  'content-type',
  'request-id',
  'retry-after',
  'x-should-retry',
  'anthropic-ratelimit-requests-remaining',
  'anthropic-ratelimit-tokens-remaining',
];

export interface ModelRouteOptions {
  baseUrl: string;
  /** Null: the server behind `baseUrl` asks for none. */
  apiKey: string | null;
  policy: ModelPolicy;
  budgetMicroUsd: number;
  costMicroUsd: (usage: Usage) => number;
  onUsage: (usage: Usage) => void;
  /** Waits while the control plane is away: its lease is what allows to spend. */
  mayCall: () => Promise<boolean>;
  /** Of the budget, before this route opened. */
  spentMicroUsd: number;
  /** The spend has reached the budget: no further call will be answered. */
  onBudgetSpent: () => void;
}

/** The error shape of the Messages API, so that the SDK shows the reason. Never retried by it. */
function refuse(answer: ServerResponse, status: number, type: string, message: string) {
  answer.writeHead(status, { 'content-type': 'application/json', 'x-should-retry': 'false' });
  answer.end(JSON.stringify({ type: 'error', error: { type, message } }));
}

/** The model door of one run: checks the request, adds the key, streams the reply through, counts what it cost. */
export function modelRoute(options: ModelRouteOptions) {
  const redact = createRedactor(options.apiKey === null ? [] : [options.apiKey]);
  let { spentMicroUsd } = options;

  function count(usage: Usage) {
    spentMicroUsd += options.costMicroUsd(usage);
    options.onUsage(usage);
  }

  let underWay = 0;

  async function handle(...call: Parameters<typeof forward>): Promise<void> {
    if (underWay >= MAX_AT_ONCE) {
      return refuse(call[3], 429, 'rate_limit_error', `At most ${MAX_AT_ONCE} model calls at once.`);
    }
    underWay += 1;
    try {
      await forward(...call);
    } finally {
      underWay -= 1;
    }
  }

  async function forward(
    path: '/v1/messages' | '/v1/messages/count_tokens',
    query: string,
    incoming: IncomingMessage,
    answer: ServerResponse,
  ): Promise<void> {
    const body = await readBody(incoming, MAX_REQUEST_BYTES);
    if (body === null) return refuse(answer, 413, 'request_too_large', 'At most 32 MB.');
    let parsed: unknown;
    try {
      parsed = JSON.parse(body.toString('utf8'));
    } catch {
      return refuse(answer, 400, 'invalid_request_error', 'The body is not JSON.');
    }
    const counting = path.endsWith('count_tokens');
    const verdict = checkModelRequest(parsed, options.policy, counting);
    if (!verdict.ok) return refuse(answer, 403, 'permission_error', verdict.reason);
    if (spentMicroUsd >= options.budgetMicroUsd) {
      options.onBudgetSpent();
      return refuse(answer, 429, 'rate_limit_error', 'The budget of this run is spent.');
    }

    // What was checked is what goes out: a doubled key may mean one thing to us and another to the provider.
    const checked = Buffer.from(JSON.stringify(parsed));
    if (!(await options.mayCall())) return refuse(answer, 403, 'permission_error', 'This run may not go on.');
    if (answer.destroyed) return;
    const betas = allowedBetas(incoming.headers['anthropic-beta']?.toString());
    const abort = new AbortController();
    answer.on('close', () => abort.abort());
    const reply = await openUpstream(
      joinUrl(options.baseUrl, path, query),
      'POST',
      {
        ...pick(incoming.headers, ['anthropic-version', 'user-agent', 'accept']),
        ...(betas === null ? {} : { 'anthropic-beta': betas }),
        'content-type': 'application/json',
        'content-length': checked.length,
        // Usage is read from the reply as it passes.
        'accept-encoding': 'identity',
        ...(options.apiKey === null ? {} : { 'x-api-key': options.apiKey }),
      },
      checked,
      abort.signal,
    );
    const status = reply.statusCode ?? 502;
    if (status < 200 || status >= 300) {
      if (status >= 300 && status < 400) {
        reply.destroy();
        return refuse(answer, 502, 'api_error', 'The provider redirects; redirects are not followed.');
      }
      const error = await readBody(reply, MAX_ERROR_BYTES);
      answer.writeHead(status, {
        ...pick(reply.headers, ANSWER_HEADERS),
        'content-type': 'application/json',
      });
      answer.end(JSON.stringify(publicError(error?.toString('utf8') ?? '', redact)));
      return;
    }

    const meter = reply.headers['content-type']?.includes('text/event-stream')
      ? readStreamUsage()
      : readJsonUsage();
    answer.writeHead(status, pick(reply.headers, ANSWER_HEADERS));
    try {
      for await (const chunk of reply as AsyncIterable<Buffer>) {
        meter.push(chunk);
        if (!answer.write(chunk)) await drained(answer);
      }
    } finally {
      // A reply that breaks off has been billed up to there all the same.
      const result = counting ? null : meter.result();
      if (result) {
        const requestId =
          reply.headers['request-id']?.toString() ?? result.id ?? `unnamed-${crypto.randomUUID()}`;
        const model = result.model ?? verdict.model;
        count(usageFromProvider(result.usage, { requestId, model, at: Date.now() }));
      }
      answer.end();
    }
  }

  return { handle, spentMicroUsd: () => spentMicroUsd };
}

function drained(answer: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    answer.once('drain', resolve);
    answer.once('close', resolve);
  });
}

const MAX_ERROR_CHARS = 1_000;

/**
 * Type and message of the provider's error and nothing else of its body: a server that echoes what it was sent must
 * not tell the container the key, in whatever spelling.
 */
function publicError(body: string, redact: (text: string) => string): object {
  let read: { type?: unknown; message?: unknown } = {};
  try {
    read = (JSON.parse(body) as { error?: typeof read } | null)?.error ?? {};
  } catch {
    // No JSON, nothing to tell.
  }
  const type = typeof read.type === 'string' && /^[a-z_]{1,60}$/.test(read.type) ? read.type : 'api_error';
  const message = typeof read.message === 'string' ? read.message : 'The provider gave no readable reason.';
  return { type: 'error', error: { type, message: redact(message).slice(0, MAX_ERROR_CHARS) } };
}
