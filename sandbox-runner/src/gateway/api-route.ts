import type { IncomingMessage, ServerResponse } from 'node:http';
import { createRedactor } from '../logger.ts';
import { joinUrl, openUpstream, pick, readBody } from './upstream.ts';

/** Build logs are the largest; longer ones are read by lines. */
const MAX_ANSWER_BYTES = 16 * 1024 * 1024;

export interface ApiUpstream {
  /** What stands in errors: `Azure DevOps`. */
  name: string;
  baseUrl: string;
  /** Null: no credential is configured, and none is sent. */
  authorization: string | null;
  /** Struck out of whatever comes back. */
  secret: string | null;
}

/** One GET, already found on its list; the answer is read whole, freed of the credential, and handed on. */
export async function handleApi(
  upstream: ApiUpstream,
  target: { path: string; query: string },
  incoming: IncomingMessage,
  answer: ServerResponse,
): Promise<void> {
  const abort = new AbortController();
  answer.on('close', () => abort.abort());
  const reply = await openUpstream(
    joinUrl(upstream.baseUrl, target.path, target.query),
    'GET',
    {
      accept: 'application/json, text/plain',
      'user-agent': 'dogwatch',
      'accept-encoding': 'identity',
      ...pick(incoming.headers, ['x-github-api-version']),
      ...(upstream.authorization === null ? {} : { authorization: upstream.authorization }),
    },
    null,
    abort.signal,
  );
  const status = reply.statusCode ?? 502;
  if (status !== 200) {
    reply.destroy();
    answer.writeHead(status >= 400 ? status : 502, { 'content-type': 'text/plain' });
    answer.end(`${upstream.name} answered ${status}.\n`);
    return;
  }
  const body = await readBody(reply, MAX_ANSWER_BYTES);
  if (body === null) {
    answer.writeHead(502, { 'content-type': 'text/plain' });
    answer.end(`${upstream.name} answered with more than 16 MB; ask for a part.\n`);
    return;
  }
  const redact = createRedactor(upstream.secret === null ? [] : [upstream.secret]);
  answer.writeHead(200, pick(reply.headers, ['content-type']));
  answer.end(redact(body.toString('utf8')));
}
