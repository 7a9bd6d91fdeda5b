import { timingSafeEqual } from 'node:crypto';
import { sha256Bytes } from '../durable-objects/shared/journal.ts';

/**
 * Whether a given secret is one of the expected ones. Digests are compared, all of them and all of each, so
 * that the time taken tells neither length nor content.
 */
export function matchesSecret(given: string | null | undefined, expected: readonly string[]): boolean {
  const mine = sha256Bytes(given ?? '');
  let found = false;
  for (const secret of expected) found = timingSafeEqual(mine, sha256Bytes(secret)) || found;
  return found && given !== null && given !== undefined && given !== '';
}

/** The password of an `Authorization: Basic` header; null where there is none. */
export function basicPassword(header: string | null | undefined): string | null {
  const match = /^basic\s+([A-Za-z0-9+/=]+)\s*$/i.exec(header ?? '');
  if (!match?.[1]) return null;
  let decoded: string;
  try {
    decoded = new TextDecoder().decode(Uint8Array.from(atob(match[1]), (char) => char.charCodeAt(0)));
  } catch {
    return null;
  }
  const colon = decoded.indexOf(':');
  return colon === -1 ? null : decoded.slice(colon + 1);
}

export function bearerToken(header: string | null | undefined): string | null {
  return /^bearer\s+(\S+)\s*$/i.exec(header ?? '')?.[1] ?? null;
}
