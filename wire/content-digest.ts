import { type Bytes, sha256, toBase64 } from './encoding.ts';

/** `Content-Digest` of a body (RFC 9530), with SHA-256 as the only algorithm. */
export async function contentDigest(body: Bytes): Promise<string> {
  return `sha-256=:${toBase64(await sha256(body))}:`;
}

/** Verifying a signature proves the header, not the body: this proves the body. */
export async function digestMatches(header: string, body: Bytes): Promise<boolean> {
  return header.trim() === (await contentDigest(body));
}
