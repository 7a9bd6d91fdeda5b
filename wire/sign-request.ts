import { createSignature, webcrypto } from 'http-message-sig';
import { contentDigest } from './content-digest.ts';
import { type Bytes, toBase64 } from './encoding.ts';
import { importSigningKey, type SigningKey } from './keys.ts';
import { BARE_COMPONENTS, BODY_COMPONENTS, LIFETIME_S, signedUri, TAG } from './signature-policy.ts';

export interface SignOptions {
  method: string;
  /** Where the request is sent. */
  url: string;
  /** Absent or empty: the request has no body, and none is covered. */
  body?: Bytes;
  /** Default `application/json`. */
  contentType?: string;
  key: SigningKey;
  /** Default: the key's own `kid`. */
  keyId?: string;
  nowMs: number;
  /** Never used before with this key; see `newNonce`. */
  nonce: string;
  /** Public name of the receiver, as it is configured there: host and, unless default, port. */
  authority: string;
}

/** 16 random bytes in base64. */
export function newNonce(): string {
  return toBase64(crypto.getRandomValues(new Uint8Array(16)));
}

/**
 * The headers that sign a request (RFC 9421, Ed25519): send it with these, and the body byte for byte as given.
 * A retry is signed anew, with another nonce.
 */
export async function signRequest(options: SignOptions): Promise<Headers> {
  const headers = new Headers();
  const hasBody = options.body !== undefined && options.body.length > 0;
  if (options.body !== undefined && hasBody) {
    headers.set('content-type', options.contentType ?? 'application/json');
    headers.set('content-digest', await contentDigest(options.body));
  }
  const created = Math.floor(options.nowMs / 1_000);
  const signed = await createSignature(
    {
      kind: 'request',
      method: options.method,
      targetUri: signedUri(options.url, options.authority),
      fields: [...headers].map(([name, value]) => ({ name, value })),
    },
    {
      components: hasBody ? BODY_COMPONENTS : BARE_COMPONENTS,
      parameters: {
        created,
        expires: created + LIFETIME_S,
        nonce: options.nonce,
        keyid: options.keyId ?? options.key.kid,
        tag: TAG,
      },
      signer: webcrypto.signer(await importSigningKey(options.key)),
    },
  );
  headers.set('signature', signed.signature);
  headers.set('signature-input', signed.signatureInput);
  return headers;
}
