import { createHash } from 'node:crypto';
import { AzureDevOpsError } from './error.ts';

/** The Worker has 128 MB; a log is held once as bytes and once as text. What is longer is cut, and said to be. */
const MAX_LOG_BYTES = 24 * 1024 * 1024;

export interface FetchedLog {
  bytes: Uint8Array;
  sha256: string;
  lines: number;
  /** False: cut at the limit above. */
  whole: boolean;
}

/** Reads a log to its end, counting lines as Azure DevOps does. */
export async function readLog(
  stream: ReadableStream<Uint8Array>,
  maxBytes = MAX_LOG_BYTES,
): Promise<FetchedLog> {
  const chunks: Uint8Array[] = [];
  const hash = createHash('sha256');
  let sizeBytes = 0;
  let lines = 0;
  let last = 0x0a;
  let whole = true;
  const reader = stream.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      const chunk = value.subarray(0, maxBytes - sizeBytes);
      for (const byte of chunk) if (byte === 0x0a) lines += 1;
      hash.update(chunk);
      chunks.push(chunk);
      sizeBytes += chunk.byteLength;
      last = chunk.at(-1) ?? last;
      if (chunk.byteLength < value.byteLength) {
        whole = false;
        await reader.cancel();
        break;
      }
    }
  } catch (cause) {
    throw new AzureDevOpsError('the log broke off', { status: null, retryable: true, cause });
  }
  if (last !== 0x0a) lines += 1;
  const bytes = new Uint8Array(sizeBytes);
  let offset = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, offset);
    offset += chunk.byteLength;
  }
  return { bytes, sha256: hash.digest('hex'), lines, whole };
}
