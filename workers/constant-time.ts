/**
 * Whether a given secret is one of the expected ones. Digests are compared, all of them and all of each, so
 * that the time taken tells neither length nor content.
 */
export async function matchesSecret(
  given: string | null | undefined,
  expected: readonly string[],
): Promise<boolean> {
  const digest = async (text: string) =>
    new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text)));
  const mine = await digest(given ?? '');
  let found = 0;
  for (const secret of expected) {
    const theirs = await digest(secret);
    let difference = 0;
    for (let i = 0; i < mine.length; i++) difference |= (mine[i] ?? 0) ^ (theirs[i] ?? 0);
    found |= difference === 0 ? 1 : 0;
  }
  return found === 1 && given !== null && given !== undefined && given !== '';
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
