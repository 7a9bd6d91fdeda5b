import { canonicalJson } from '../../core/journal/canonical-json.ts';
import { sha256Of } from '../artifacts.ts';
import type { audit } from '../db/schema.ts';

export type StoredRow = typeof audit.$inferSelect;

/** A page of the audit log as it lies in R2: NDJSON, one canonical row per line, gzip. */
export interface Segment {
  gzip: Uint8Array;
  /** Of the NDJSON. */
  sha256: string;
}

async function through(
  bytes: Uint8Array,
  stream: CompressionStream | DecompressionStream,
): Promise<Uint8Array> {
  const readable = new Blob([bytes]).stream().pipeThrough(stream);
  return new Uint8Array(await new Response(readable).arrayBuffer());
}

export async function packSegment(rows: readonly StoredRow[]): Promise<Segment> {
  const text = new TextEncoder().encode(rows.map((row) => `${canonicalJson(row)}\n`).join(''));
  return { gzip: await through(text, new CompressionStream('gzip')), sha256: await sha256Of(text) };
}

/** Throws when the content is not what the manifest says: then nothing of it is to be believed. */
export async function unpackSegment(gzip: Uint8Array, sha256: string): Promise<StoredRow[]> {
  const text = await through(gzip, new DecompressionStream('gzip'));
  if ((await sha256Of(text)) !== sha256) throw new Error('an archived segment differs from its manifest');
  return new TextDecoder()
    .decode(text)
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as StoredRow);
}

/** Reads a segment back from R2. Throws when it is gone or altered. */
export async function readSegment(bucket: R2Bucket, key: string, sha256: string): Promise<StoredRow[]> {
  const found = await bucket.get(key);
  if (found === null) throw new Error(`the archived segment ${key} is gone`);
  return unpackSegment(new Uint8Array(await found.arrayBuffer()), sha256);
}
