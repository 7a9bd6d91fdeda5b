import type { IncomingMessage, ServerResponse } from 'node:http';
import type { RateConfig } from '../config.ts';
import { RequestError } from '../errors.ts';
import { quote } from '../quote.ts';
import { parseQuoteRequest } from '../request.ts';
import { zoneOf } from '../zones.ts';
import { readJson } from './body.ts';
import { sendJson } from './respond.ts';

export type Context = { config: RateConfig; version: string; now: () => Date };

/** Finds the answer to a request. Throws RequestError for what the caller did wrong. */
export async function route(context: Context, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { pathname } = new URL(request.url ?? '/', 'http://localhost');
  const [, first, second, third] = pathname.split('/');

  if (request.method === 'GET' && pathname === '/health') {
    sendJson(response, 200, { status: 'ok', version: context.version, currency: context.config.baseCurrency });
    return;
  }
  if (request.method === 'GET' && pathname === '/v1/zones') {
    sendJson(response, 200, { items: context.config.zones });
    return;
  }
  if (request.method === 'GET' && first === 'v1' && second === 'zones' && third) {
    sendJson(response, 200, zoneOf(context.config, third));
    return;
  }
  if (request.method === 'POST' && pathname === '/v1/quotes') {
    const wanted = parseQuoteRequest(await readJson(request));
    sendJson(response, 201, quote(context.config, wanted, context.now()));
    return;
  }
  throw new RequestError('not_found', `no such thing: ${request.method} ${pathname}`, 404);
}
