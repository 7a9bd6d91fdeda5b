import { randomBytes } from 'node:crypto';

/** An id in the provider's manner: `msg_01…`, `toolu_01…`, `req_01…`. */
export function newId(prefix: 'msg' | 'toolu' | 'req'): string {
  return `${prefix}_01${randomBytes(16).toString('base64url').replace(/[-_]/g, 'x')}`;
}
