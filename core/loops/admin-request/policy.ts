const MINUTE = 60_000;

export const WAIT_MS = {
  /** Row A7. */
  verdict: 24 * 60 * MINUTE,
  performing: 30 * MINUTE,
} as const;

/** There is one thing to decide about a request. */
export const ONLY_ATTEMPT = 1;
