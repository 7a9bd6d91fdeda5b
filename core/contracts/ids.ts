import { z } from 'zod';

const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';

export type IdType = 'evt' | 'inc' | 'run' | 'int' | 'apr' | 'msg' | 'eff' | 'sub' | 'aud' | 'dlv';

/** `<type>_<ULID>`: 26 characters of Crockford base32 (https://github.com/ulid/spec). */
export const idSchema = (type: IdType) => z.string().regex(new RegExp(`^${type}_[0-9A-HJKMNP-TV-Z]{26}$`));

function encode(bytes: Uint8Array): string {
  let value = 0n;
  for (const byte of bytes.subarray(0, 16)) value = (value << 8n) | BigInt(byte);
  let text = '';
  for (let i = 0; i < 26; i++) {
    text = ALPHABET[Number(value & 31n)] + text;
    value >>= 5n;
  }
  return text;
}

/** A sortable id: 48 bits of time, 80 of randomness (`random` gives at least 10 bytes). */
export function newId(type: IdType, nowMs: number, random: Uint8Array): string {
  const bytes = new Uint8Array(16);
  let time = nowMs;
  for (let i = 5; i >= 0; i--) {
    bytes[i] = time % 256;
    time = Math.floor(time / 256);
  }
  bytes.set(random.subarray(0, 10), 6);
  return `${type}_${encode(bytes)}`;
}

/** The same digest always gives the same id: for events, incidents, messages and effects that are known by what they are. */
export function derivedId(type: IdType, sha256: Uint8Array): string {
  return `${type}_${encode(sha256)}`;
}
