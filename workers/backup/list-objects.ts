import { BACKUP_ROOT } from '../../durable-objects/shared/backup-part.ts';
import type { ObjectName } from '../../durable-objects/stubs.ts';

/** All objects that have a backup, a page at a time. */
export async function listBackedUp(
  bucket: R2Bucket,
  cursor: string | null,
  limit: number,
): Promise<{ items: ObjectName[]; cursor: string | null }> {
  const types = (await bucket.list({ prefix: BACKUP_ROOT, delimiter: '/' })).delimitedPrefixes.sort();
  // `<kind>~<cursor of R2>`, or without one: behind that kind.
  const [, after = '', r2Cursor = ''] = /^([^~]*)~(.*)$/.exec(cursor ?? '') ?? [];
  const type = types.find((prefix) => (r2Cursor === '' ? prefix > after : prefix === after));
  if (type === undefined) return { items: [], cursor: null };
  const page: R2Objects = await bucket.list({
    prefix: type,
    delimiter: '/',
    limit,
    ...(r2Cursor === '' ? {} : { cursor: r2Cursor }),
  });
  const items = page.delimitedPrefixes.flatMap((prefix) => nameOfKey(prefix) ?? []);
  if (page.truncated) return { items, cursor: `${type}~${page.cursor}` };
  return { items, cursor: type === types.at(-1) ? null : `${type}~` };
}

/** Whose part it is; null: it is none. */
export function nameOfKey(key: string): ObjectName | null {
  if (!key.startsWith(BACKUP_ROOT)) return null;
  const [objectType, object] = key.slice(BACKUP_ROOT.length).split('/').map(decodeURIComponent);
  return objectType && object !== undefined ? { objectType, object } : null;
}
