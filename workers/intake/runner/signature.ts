import { runPoolStub } from '../../../durable-objects/stubs.ts';
import type { Bytes } from '../../../wire/encoding.ts';
import { parsePublicKeys } from '../../../wire/keys.ts';
import { type Verification, verifyRequest } from '../../../wire/verify-request.ts';
import { type Env, publicUrl, runnerPublicKeys } from '../../env.ts';
import { auditAction } from '../../routing/accept.ts';

/** Proves that a request comes from a runner of ours, unaltered and for the first time; audits what does not. */
export async function verifyRunner(request: Request, body: Bytes, env: Env): Promise<Verification> {
  const pool = runPoolStub(env);
  const verification = await verifyRequest(request, body, {
    keys: parsePublicKeys(JSON.stringify(runnerPublicKeys(env))),
    authority: new URL(publicUrl(env)).host,
    nowMs: Date.now(),
    seenNonce: async (keyId, nonce, expiresAtMs) => !(await pool.rememberNonce(keyId, nonce, expiresAtMs)),
  });
  if (!verification.ok)
    await auditAction(env, {
      at: Date.now(),
      actor: 'runner',
      action: 'runner_unauthorized',
      data: {
        code: verification.code,
        method: request.method,
        path: new URL(request.url).pathname.slice(0, 200),
      },
      subjects: {},
    });
  return verification;
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
