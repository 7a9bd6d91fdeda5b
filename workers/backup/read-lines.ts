import type { BackupLine } from '../../durable-objects/shared/backup-log.ts';
import { linesPrefix, stretchOf, unpack } from '../../durable-objects/shared/backup-part.ts';
import type { ObjectName } from '../../durable-objects/stubs.ts';
import type { Projection } from '../db/projections.ts';

/** Where reading goes on: behind this row, which lies in this part. */
export interface LinesCursor {
  key: string;
  n: number;
}

export interface LinesPage {
  rows: Projection[];
  /** Null: these were the last. */
  next: LinesCursor | null;
}

/**
 * The rows for D1 that one object has told, oldest first, at most `limit` at a time, up to number `upTo`.
 * Throws when some are missing or altered.
 */
export async function readLines(
  bucket: R2Bucket,
  name: ObjectName,
  upTo: number,
  after: LinesCursor | null,
  limit: number,
): Promise<LinesPage> {
  const part = await partAfter(bucket, name, after);
  if (part === null) {
    if (after !== null && after.n < upTo) throw damaged(name, after.n + 1, upTo);
    return { rows: [], next: null };
  }
  const reached = after?.n ?? part.first - 1;
  if (part.first > upTo) return { rows: [], next: null };
  if (part.first > reached + 1) throw damaged(name, reached + 1, part.first - 1);
  const found = await bucket.get(part.key);
  if (found === null) throw new Error(`the backup is damaged: ${part.key} is gone`);
  const bytes = new Uint8Array(await found.arrayBuffer());
  const lines = unpack(part.key, bytes, found.customMetadata?.sha256) as BackupLine[];
  const page = lines.filter(({ n }) => n > reached && n <= upTo).slice(0, limit);
  const n = page.at(-1)?.n ?? Math.max(reached, part.last);
  return {
    rows: page.map(({ body }) => JSON.parse(body) as Projection),
    next: n >= upTo ? null : { key: part.key, n },
  };
}

/** The part that holds the row behind the cursor. Parts may overlap: one may have been written twice. */
async function partAfter(
  bucket: R2Bucket,
  { objectType, object }: ObjectName,
  after: LinesCursor | null,
): Promise<{ key: string; first: number; last: number } | null> {
  const known = after === null ? null : stretchOf(after.key);
  if (after !== null && known !== null && known.last > after.n) return { key: after.key, ...known };
  let startAfter = after?.key;
  for (;;) {
    const { objects } = await bucket.list({
      prefix: linesPrefix(objectType, object),
      limit: 10,
      ...(startAfter === undefined ? {} : { startAfter }),
    });
    if (objects.length === 0) return null;
    for (const { key } of objects) {
      const stretch = stretchOf(key);
      if (stretch !== null && stretch.last > (after?.n ?? 0)) return { key, ...stretch };
    }
    startAfter = objects.at(-1)?.key;
  }
}

const damaged = ({ objectType, object }: ObjectName, from: number, to: number): Error =>
  new Error(`the backup is damaged: rows ${from} to ${to} of ${objectType} ${object} are gone`);
