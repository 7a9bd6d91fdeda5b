import type { IncomingMessage } from 'node:http';
import { RequestError } from '../errors.ts';

const MAX_BODY_BYTES = 64 * 1024;

/** Reads a JSON body of at most 64 KB. */
export async function readJson(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  for await (const chunk of request) {
    sizeBytes += chunk.length;
    if (sizeBytes > MAX_BODY_BYTES) throw new RequestError('too_large', 'the body is over 64 KB', 413);
    chunks.push(chunk);
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8'));
  } catch {
    throw new RequestError('bad_json', 'the body is not JSON');
  }
}
