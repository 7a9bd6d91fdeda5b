import type { Artifact } from '../core/contracts/artifact.ts';

/** Large things live in R2 under their SHA-256: the same bytes are kept once, and a reference proves them. */
const keyOf = (sha256: string): string => `artifacts/${sha256}`;

/** Above this a text travels as a reference (rule 8). */
export const INLINE_LIMIT_BYTES = 256 * 1024;

export const hexOf = (bytes: ArrayBuffer | Uint8Array): string =>
  Array.from(bytes instanceof Uint8Array ? bytes : new Uint8Array(bytes), (byte) =>
    byte.toString(16).padStart(2, '0'),
  ).join('');

export async function sha256Of(bytes: Uint8Array): Promise<string> {
  return hexOf(await crypto.subtle.digest('SHA-256', bytes));
}

/** Stores the bytes; storing them again changes nothing. */
export async function putArtifact(
  bucket: R2Bucket,
  bytes: Uint8Array,
  about: { name: string; contentType: string },
): Promise<Artifact> {
  const sha256 = await sha256Of(bytes);
  const known = await bucket.head(keyOf(sha256));
  if (known?.size !== bytes.byteLength)
    await bucket.put(keyOf(sha256), bytes, {
      httpMetadata: { contentType: about.contentType },
      customMetadata: { name: about.name },
      sha256,
    });
  return { ...about, sha256, sizeBytes: bytes.byteLength };
}

export async function getArtifact(bucket: R2Bucket, sha256: string): Promise<R2ObjectBody | null> {
  return bucket.get(keyOf(sha256));
}

/** Whether one of these strings stands in it; read piece by piece, for it may be larger than memory. */
export async function artifactHolds(
  bucket: R2Bucket,
  sha256: string,
  needles: readonly string[],
): Promise<boolean> {
  const found = needles.length === 0 ? null : await getArtifact(bucket, sha256);
  if (found === null) return false;
  const overlap = Math.max(...needles.map(({ length }) => length)) - 1;
  let rest = '';
  for await (const piece of found.body.pipeThrough(new TextDecoderStream())) {
    const text = rest + piece;
    if (needles.some((needle) => text.includes(needle))) return true;
    rest = overlap > 0 ? text.slice(-overlap) : '';
  }
  return false;
}

export async function deleteArtifact(bucket: R2Bucket, sha256: string): Promise<void> {
  await bucket.delete(keyOf(sha256));
}
