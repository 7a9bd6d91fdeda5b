import type { ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { TwinReply, TwinRequest } from '../../shared/twin-server.ts';
import { jsonReply } from '../../shared/twin-server.ts';
import { createPromptCache } from '../usage/prompt-cache.ts';
import { promptSegments } from '../usage/segments.ts';
import { createUsageBook, type UsageTotals } from '../usage/totals.ts';
import { type Message, type MessageReply, textOf } from '../wire/messages.ts';
import { formatEvent, streamEvents } from '../wire/sse.ts';
import { composeReply } from './compose-reply.ts';
import { ApiError, errorReply } from './errors.ts';
import { newId } from './ids.ts';
import { describeModel, findModel, type Model, models } from './models.ts';
import { parseRequest } from './parse-request.ts';

/** Kept of each request's newest text. */
const TOLD_CHARS = 4_000;

export type RouteOptions = { apiKey: string | undefined; latencyMs: number; now: () => number };

export type Routes = {
  handle(request: TwinRequest, response: ServerResponse): Promise<TwinReply | undefined>;
  usageTotals(): UsageTotals;
};

export function createRoutes(options: RouteOptions): Routes {
  const cache = createPromptCache();
  const book = createUsageBook();

  async function handle(request: TwinRequest, response: ServerResponse): Promise<TwinReply | undefined> {
    if (request.path === '/__twin/usage') return jsonReply(200, book.totals());
    const requestId = newId('req');
    request.notes.requestId = requestId;
    try {
      checkHeaders(request, options.apiKey);
      const reply = await route(request, response, requestId);
      if (reply) reply.headers = { ...reply.headers, 'request-id': requestId };
      return reply;
    } catch (error) {
      if (error instanceof ApiError) return errorReply(error.status, error.message, requestId);
      if (error instanceof SyntaxError)
        return errorReply(400, 'The request body is not valid JSON', requestId);
      throw error;
    }
  }

  async function route(
    request: TwinRequest,
    response: ServerResponse,
    requestId: string,
  ): Promise<TwinReply | undefined> {
    const key = `${request.method} ${request.path}`;
    if (key === 'POST /v1/messages') return answerMessages(request, response, requestId);
    if (key === 'POST /v1/messages/count_tokens') return countTokens(request);
    if (key === 'GET /v1/models') return jsonReply(200, listModels());
    if (request.method === 'GET' && request.path.startsWith('/v1/models/')) {
      return jsonReply(200, describeModel(modelOrThrow(request.path.slice('/v1/models/'.length))));
    }
    throw new ApiError(404, 'Not found');
  }

  async function answerMessages(
    request: TwinRequest,
    response: ServerResponse,
    requestId: string,
  ): Promise<TwinReply | undefined> {
    const parsed = parseRequest(await request.json());
    const model = modelOrThrow(parsed.model);
    const prompt = cache.use(accountOf(request), promptSegments(parsed), model.minCacheTokens, options.now());
    const reply = composeReply(parsed, prompt);
    if (options.latencyMs > 0) await sleep(options.latencyMs);
    book.add(parsed.model, reply.usage);
    Object.assign(request.notes, { model: parsed.model, stream: parsed.stream, usage: reply.usage });
    request.notes.told = newestText(parsed.messages).slice(-TOLD_CHARS);
    request.notes.content = reply.content.map((block) => (block.type === 'text' ? 'text' : block.name));
    if (!parsed.stream) return jsonReply(200, reply);
    await stream(response, reply, requestId);
    return undefined;
  }

  async function countTokens(request: TwinRequest): Promise<TwinReply> {
    const parsed = parseRequest(await request.json(), false);
    modelOrThrow(parsed.model);
    const tokens = promptSegments(parsed).reduce((sum, segment) => sum + segment.tokens, 0);
    return jsonReply(200, { input_tokens: tokens });
  }

  return { handle, usageTotals: book.totals };
}

/** What the model had not read before: all that follows its last reply. */
function newestText(messages: readonly Message[]): string {
  const last = messages.findLastIndex(({ role }) => role === 'assistant');
  return messages
    .slice(last + 1)
    .map(({ content }) => textOf(content))
    .join('\n');
}

function checkHeaders(request: TwinRequest, apiKey: string | undefined): void {
  const given = credentialOf(request);
  if (apiKey !== undefined && given === '') throw new ApiError(401, 'x-api-key header is required');
  if (apiKey !== undefined && given !== apiKey) throw new ApiError(401, 'invalid x-api-key');
  if (request.headers['anthropic-version'] === undefined) {
    throw new ApiError(400, 'anthropic-version: header is required');
  }
}

function credentialOf(request: TwinRequest): string {
  const key = request.headers['x-api-key'];
  if (typeof key === 'string') return key;
  return (request.headers.authorization ?? '').replace(/^Bearer /i, '');
}

/** Caches are per account: another key never reads this one's prefixes. */
function accountOf(request: TwinRequest): string {
  return credentialOf(request);
}

function modelOrThrow(name: string): Model {
  const model = findModel(name);
  if (!model) throw new ApiError(404, `model: ${name}`);
  return model;
}

function listModels(): Record<string, unknown> {
  return {
    data: models.map(describeModel),
    has_more: false,
    first_id: models[0]?.id,
    last_id: models.at(-1)?.id,
  };
}

async function stream(response: ServerResponse, reply: MessageReply, requestId: string): Promise<void> {
  response.writeHead(200, {
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-cache',
    'request-id': requestId,
  });
  for (const event of streamEvents(reply)) {
    if (response.destroyed) return;
    // Each event leaves in its own turn, so that readers meet them one by one.
    await new Promise<void>((resolve) => response.write(formatEvent(event), () => resolve()));
  }
  response.end();
}
