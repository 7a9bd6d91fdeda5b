import { canonicalJson } from '../core/journal/canonical-json.ts';
import { sha256Hex, utf8 } from './encoding.ts';

/** Hex SHA-256 of the canonical JSON of a value: what a permission is bound to. Throws on what JSON cannot say. */
export function canonicalDigest(value: unknown): Promise<string> {
  return sha256Hex(utf8(canonicalJson(value)));
}
