import { runPoolStub } from '../../durable-objects/stubs.ts';
import type { Bytes } from '../../wire/encoding.ts';
import { parsePublicKeys } from '../../wire/keys.ts';
import { type Verification, verifyRequest } from '../../wire/verify-request.ts';
import { type Env, publicUrl, runnerPublicKeys } from '../env.ts';

/** Proves that a request comes from a runner of ours, unaltered and for the first time. */
export function verifyRunner(request: Request, body: Bytes, env: Env): Promise<Verification> {
  const pool = runPoolStub(env);
  return verifyRequest(request, body, {
    keys: parsePublicKeys(JSON.stringify(runnerPublicKeys(env))),
    authority: new URL(publicUrl(env)).host,
    nowMs: Date.now(),
    seenNonce: async (keyId, nonce, expiresAtMs) => !(await pool.rememberNonce(keyId, nonce, expiresAtMs)),
  });
}

/** The whole body, or null when it is larger than `limitBytes`, whatever its headers say. */
export async function readBytes(request: Request, limitBytes: number): Promise<Bytes | null> {
  const chunks: Uint8Array[] = [];
  let sizeBytes = 0;
  const reader = request.body?.getReader();
  while (reader) {
    const { done, value } = await reader.read();
    if (done) break;
    sizeBytes += value.byteLength;
    if (sizeBytes > limitBytes) {
      await reader.cancel();
      return null;
    }
    chunks.push(value);
  }
  const bytes = new Uint8Array(sizeBytes);
  let offset = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, offset);
    offset += chunk.byteLength;
  }
  return bytes;
}

/** Parses JSON; undefined when it is none. */
export function jsonOf(bytes: Bytes): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return undefined;
  }
}
