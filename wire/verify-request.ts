import { isSignatureError, type VerifiedSignature, verifySignature, webcrypto } from 'http-message-sig';
import type { ProblemCode } from '../core/contracts/problem.ts';
import { digestMatches } from './content-digest.ts';
import type { Bytes } from './encoding.ts';
import { importPublicKey, type PublicKeys } from './keys.ts';
import {
  BARE_COMPONENTS,
  BODY_COMPONENTS,
  CLOCK_SKEW_S,
  isTimely,
  REQUIRED_PARAMETERS,
  signedUri,
  TAG,
} from './signature-policy.ts';

export interface VerifyOptions {
  keys: PublicKeys;
  /** Our public name, as configured; the `Host` header is not asked. */
  authority: string;
  nowMs: number;
  /**
   * Remembers a nonce, durably, at least until `expiresAtMs`; true when it was known already.
   * Asked last, so that nobody without a key can fill the memory.
   */
  seenNonce(keyId: string, nonce: string, expiresAtMs: number): Promise<boolean>;
}

export type SignatureCode = Extract<
  ProblemCode,
  | 'signature_missing'
  | 'signature_invalid'
  | 'signature_expired'
  | 'signature_replayed'
  | 'digest_mismatch'
  | 'unknown_key'
  | 'wrong_host'
>;
export type Verification = { ok: true; keyId: string } | { ok: false; code: SignatureCode };

/** What is needed of a request; a Fetch `Request` fits. */
export interface SignedRequest {
  method: string;
  url: string;
  headers: Headers;
}

type Cryptographic = { ok: true; signature: VerifiedSignature } | { ok: false; code: SignatureCode };

async function checkSignature(
  request: SignedRequest,
  hasBody: boolean,
  keys: PublicKeys,
  authority: string,
): Promise<Cryptographic> {
  try {
    const signature = await verifySignature(
      {
        kind: 'request',
        method: request.method,
        targetUri: signedUri(request.url, authority),
        fields: [...request.headers].map(([name, value]) => ({ name, value })),
      },
      {
        policy: {
          algorithms: ['ed25519'],
          requiredComponents: hasBody ? BODY_COMPONENTS : BARE_COMPONENTS,
          requiredParameters: REQUIRED_PARAMETERS,
          // Time is judged below, on authenticated values and with a code of its own.
          clockSkew: Number.MAX_SAFE_INTEGER,
          validate: ({ parameters }) => parameters.tag === TAG,
        },
        resolveVerifier: async ({ parameters }) => {
          const key = keys.get(parameters.keyid ?? '');
          if (!key) throw new Error('unknown key');
          return webcrypto.verifier(await importPublicKey(key));
        },
      },
    );
    return { ok: true, signature };
  } catch (error) {
    if (!isSignatureError(error)) throw error;
    return { ok: false, code: error.code === 'ResolverFailed' ? 'unknown_key' : 'signature_invalid' };
  }
}

/**
 * Proves who sent a request, that it is unaltered, in its time, for us, and new. `body` holds the bytes as
 * received (empty when there are none). Expected refusals are values; what the caller hears is the code only.
 */
export async function verifyRequest(
  request: SignedRequest,
  body: Bytes,
  options: VerifyOptions,
): Promise<Verification> {
  if (!request.headers.has('signature') || !request.headers.has('signature-input'))
    return { ok: false, code: 'signature_missing' };

  const digest = request.headers.get('content-digest');
  const hasBody = body.length > 0 || digest !== null;
  const checked = await checkSignature(request, hasBody, options.keys, options.authority);
  if (!checked.ok) {
    if (checked.code !== 'signature_invalid') return checked;
    const elsewhere = await checkSignature(request, hasBody, options.keys, new URL(request.url).host);
    return elsewhere.ok ? { ok: false, code: 'wrong_host' } : checked;
  }

  if (hasBody && !(digest !== null && (await digestMatches(digest, body))))
    return { ok: false, code: 'digest_mismatch' };

  const { created, expires, nonce, keyid } = checked.signature.parameters;
  if (created === undefined || expires === undefined || nonce === undefined || keyid === undefined)
    return { ok: false, code: 'signature_invalid' };
  if (!isTimely(created, expires, options.nowMs)) return { ok: false, code: 'signature_expired' };

  const rememberUntilMs = (expires + CLOCK_SKEW_S + 1) * 1_000;
  if (await options.seenNonce(keyid, nonce, rememberUntilMs))
    return { ok: false, code: 'signature_replayed' };
  return { ok: true, keyId: keyid };
}
