import type { BackedUpRpc } from '../../durable-objects/rpc.ts';
import { BACKUP_ROOT } from '../../durable-objects/shared/backup-part.ts';
import {
  groupQueueStub,
  inboxByName,
  incidentStub,
  relayPolicyStub,
  runPoolStub,
  runStub,
  schedulerStub,
  telegramStub,
} from '../../durable-objects/stubs.ts';
import type { Env } from '../env.ts';

/** What a backup holds of one object lies under its kind and its name. */
export interface ObjectName {
  objectType: string;
  object: string;
}

/** Null: there is no such kind of object. */
export function backedUp(env: Env, { objectType, object }: ObjectName): BackedUpRpc | null {
  switch (objectType) {
    case 'inbox':
      return inboxByName(env, object);
    case 'incident':
      return incidentStub(env, object);
    case 'group_queue':
      return groupQueueStub(env, object);
    case 'run':
      return runStub(env, object);
    case 'run_pool':
      return runPoolStub(env);
    case 'relay_policy':
      return relayPolicyStub(env);
    case 'scheduler':
      return schedulerStub(env);
    case 'telegram':
      return telegramStub(env);
    default:
      return null;
  }
}

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
