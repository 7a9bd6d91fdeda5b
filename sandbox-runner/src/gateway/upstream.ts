import { request as httpRequest, type IncomingMessage, type OutgoingHttpHeaders } from 'node:http';
import { request as httpsRequest } from 'node:https';

/** An outside server could not be reached, or answered with what the gateway does not pass on. */
export class UpstreamError extends Error {
  override name = 'UpstreamError';
}

/** How long an outside server may say nothing, from connecting to its last byte. A thinking model needs minutes. */
const SILENCE_MS = 10 * 60_000;

/** Opens one request to an outside server. Redirects are answers like any other: never followed. */
export function openUpstream(
  url: URL,
  method: string,
  headers: OutgoingHttpHeaders,
  body: Buffer | IncomingMessage | null,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const send = url.protocol === 'https:' ? httpsRequest : httpRequest;
    const outgoing = send(url, { method, headers, signal });
    outgoing.setTimeout(SILENCE_MS, () => outgoing.destroy(new Error('silent for too long')));
    outgoing.on('error', (error: NodeJS.ErrnoException) =>
      reject(new UpstreamError(`${url.host} does not answer (${error.code ?? error.message})`)),
    );
    outgoing.on('response', resolve);
    if (body === null) outgoing.end();
    else if (Buffer.isBuffer(body)) outgoing.end(body);
    else body.on('error', (error) => outgoing.destroy(error)).pipe(outgoing);
  });
}

/** Joins a configured root, which may have a path of its own, and a path that starts with a slash. */
export function joinUrl(root: string, path: string, query = ''): URL {
  return new URL(`${root.replace(/\/+$/, '')}${path}${query === '' ? '' : `?${query}`}`);
}

/** Reads a whole body; null when it is larger than allowed. */
export async function readBody(message: IncomingMessage, maxBytes: number): Promise<Buffer | null> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of message as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > maxBytes) return null;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

export function pick(headers: IncomingMessage['headers'], names: readonly string[]): OutgoingHttpHeaders {
  const kept: OutgoingHttpHeaders = {};
  for (const name of names) if (headers[name] !== undefined) kept[name] = headers[name];
  return kept;
}
