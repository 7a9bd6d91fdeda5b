import { objectPrefix, placeOf } from '../../durable-objects/shared/backup-part.ts';
import { nameOfKey } from './list-objects.ts';
import { readManifestPage } from './manifest.ts';

export interface Verified {
  checked: number;
  /** Parts that are gone, or are not what they were. */
  damaged: { key: string; problem: 'gone' | 'altered' }[];
  /** The next page; null: this was the last one. */
  next: number | null;
}

/** Compares one page of a manifest with what lies in the bucket. Null: there is no such page. */
export async function verifyPage(bucket: R2Bucket, day: string, page: number): Promise<Verified | null> {
  const told = await readManifestPage(bucket, day, page);
  if (told === null) return null;
  const before = page === 1 ? null : await readManifestPage(bucket, day, page - 1);
  const kept = await checksumsUpTo(bucket, before?.next ?? null, told.items.at(-1)?.key ?? '');
  const damaged: Verified['damaged'] = [];
  for (const { key, sha256 } of told.items) {
    const found = kept.get(key);
    if (found === undefined) {
      if (!(await isReplaced(bucket, key))) damaged.push({ key, problem: 'gone' });
    } else if (found !== sha256) damaged.push({ key, problem: 'altered' });
  }
  return { checked: told.items.length, damaged, next: told.next === null ? null : page + 1 };
}

async function checksumsUpTo(
  bucket: R2Bucket,
  startAfter: string | null,
  last: string,
): Promise<Map<string, string | null>> {
  const found = new Map<string, string | null>();
  let after = startAfter;
  for (;;) {
    const page: R2Objects = await bucket.list({
      prefix: 'backup/objects/',
      include: ['customMetadata'],
      ...(after === null ? {} : { startAfter: after }),
    });
    for (const { key, customMetadata } of page.objects) {
      if (key > last) return found;
      found.set(key, customMetadata?.sha256 ?? null);
    }
    after = page.objects.at(-1)?.key ?? null;
    if (!page.truncated || after === null) return found;
  }
}

/** Rows that were written anew since lie in a later generation. */
async function isReplaced(bucket: R2Bucket, key: string): Promise<boolean> {
  const place = placeOf(key);
  const name = nameOfKey(key);
  if (place === null || name === null) return false;
  const { objects } = await bucket.list({
    prefix: `${objectPrefix(name.objectType, name.object)}rows/`,
    startAfter: key,
  });
  return objects.some((later) => (placeOf(later.key)?.generation ?? 0) > place.generation);
}
