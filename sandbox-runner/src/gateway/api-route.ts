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
  secrets: readonly (string | null)[];
}

/** How long an answer without an end is listened to, and how much of it is kept. Dozzle tells of load each second. */
const STREAM_MS = 3_000;
const STREAM_BYTES = 1024 * 1024;

/** What a stream says first. */
async function beginningOf(reply: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  const clock = setTimeout(() => reply.destroy(), STREAM_MS);
  try {
    for await (const chunk of reply as AsyncIterable<Buffer>) {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes >= STREAM_BYTES) break;
    }
  } catch {
    // Cut by the clock, or by the server: what came until then is the answer.
  } finally {
    clearTimeout(clock);
    reply.destroy();
  }
  return Buffer.concat(chunks);
}

/** One GET, already found on its list; the answer is read whole (of a stream: its beginning), freed of the credential, and handed on. */
export async function handleApi(
  upstream: ApiUpstream,
  target: { path: string; query: string; isStream: boolean },
  incoming: IncomingMessage,
  answer: ServerResponse,
): Promise<void> {
  const abort = new AbortController();
  answer.on('close', () => abort.abort());
  const reply = await openUpstream(
    joinUrl(upstream.baseUrl, target.path, target.query),
    'GET',
    {
      accept: target.isStream ? 'text/event-stream' : 'application/json, text/plain, text/html',
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
  const body = target.isStream ? await beginningOf(reply) : await readBody(reply, MAX_ANSWER_BYTES);
  if (body === null) {
    answer.writeHead(502, { 'content-type': 'text/plain' });
    answer.end(`${upstream.name} answered with more than 16 MB; ask for a part.\n`);
    return;
  }
  const redact = createRedactor(upstream.secrets.filter((secret) => secret !== null));
  answer.writeHead(200, pick(reply.headers, ['content-type']));
  answer.end(redact(body.toString('utf8')));
}
