import type { BackupLine } from '../../durable-objects/backup-log.ts';
import { linesPrefix, stretchOf, unpack } from '../../durable-objects/backup-part.ts';
import { listParts } from '../../durable-objects/backup-restore.ts';
import type { Projection } from '../db/projections.ts';

/**
 * The rows for D1 that one object has told, oldest first, a part at a time, up to that number. Throws when a
 * part is missing or altered. `expected`: checksums by key, as a manifest has them.
 */
export async function* readLines(
  bucket: R2Bucket,
  objectType: string,
  object: string,
  upTo: number,
  expected: Readonly<Record<string, string>> = {},
): AsyncGenerator<Projection[]> {
  const parts = (await listParts(bucket, linesPrefix(objectType, object))).flatMap((part) => {
    const stretch = stretchOf(part.key);
    return stretch === null ? [] : [{ ...part, ...stretch }];
  });
  for (const key of Object.keys(expected))
    if (!parts.some((part) => part.key === key)) throw new Error(`the backup is damaged: ${key} is gone`);
  let reached: number | null = null;
  for (const { key, sha256, first, last } of parts) {
    if (first > upTo) break;
    if (reached !== null && first > reached + 1)
      throw new Error(`the backup is damaged: rows ${reached + 1} to ${first - 1} before ${key} are gone`);
    if (expected[key] !== undefined && expected[key] !== sha256)
      throw new Error(`the backup is damaged: ${key} differs from the manifest`);
    const found = await bucket.get(key);
    if (found === null) throw new Error(`the backup is damaged: ${key} is gone`);
    const lines = unpack(key, new Uint8Array(await found.arrayBuffer()), sha256) as BackupLine[];
    yield lines.filter(({ n }) => n <= upTo).map(({ body }) => JSON.parse(body) as Projection);
    reached = Math.max(reached ?? 0, last);
  }
  if (upTo > 0 && parts.length > 0 && (reached ?? 0) < upTo)
    throw new Error(`the backup is damaged: rows after ${reached ?? 0} of ${objectType} ${object} are gone`);
}
