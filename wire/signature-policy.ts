/** What every signed request of ours covers and carries (RFC 9421). */
export const TAG = 'dogwatch';
export const LIFETIME_S = 60;
/** Clocks of two machines under NTP differ by far less. */
export const CLOCK_SKEW_S = 5;

export const BARE_COMPONENTS = ['@method', '@authority', '@path', '@query'] as const;
export const BODY_COMPONENTS = [...BARE_COMPONENTS, 'content-type', 'content-digest'] as const;
export const REQUIRED_PARAMETERS = ['created', 'expires', 'nonce', 'keyid', 'tag'] as const;

/** The URL as signed: what the caller asked for, at the public name, so that proxies in between do not matter. */
export function signedUri(url: string, authority: string): string {
  const { pathname, search } = new URL(url);
  return `https://${authority}${pathname}${search}`;
}

/** Whether a signature is in its time: neither from the future, nor over, nor made to live longer than ours do. */
export function isTimely(createdS: number, expiresS: number, nowMs: number): boolean {
  const nowS = nowMs / 1_000;
  if (createdS > nowS + CLOCK_SKEW_S) return false;
  if (expiresS < nowS - CLOCK_SKEW_S) return false;
  return expiresS > createdS && expiresS - createdS <= LIFETIME_S;
}
