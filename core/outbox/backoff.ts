/** Tries of one effect before it is dead-lettered: about five minutes with the delays below. */
export const MAX_TRIES = 6;

const BASE_MS = 1_000;
const CAP_MS = 120_000;

/**
 * Full jitter: a random delay up to an exponentially growing bound, never below what the other side asked for.
 * `random` is in [0, 1). See https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
 */
export function backoffMs(tries: number, random: number, retryAfterMs: number | null): number {
  const bound = Math.min(CAP_MS, BASE_MS * 2 ** Math.max(0, tries - 1));
  return Math.max(Math.ceil(random * bound), retryAfterMs ?? 0);
}

export type AfterFailure = { kind: 'retry'; atMs: number } | { kind: 'dead' };

/** What becomes of an effect whose try number `tries` (from 1) failed. */
export function decideAfterFailure(failure: {
  tries: number;
  retryable: boolean;
  nowMs: number;
  random: number;
  retryAfterMs: number | null;
}): AfterFailure {
  if (!failure.retryable || failure.tries >= MAX_TRIES) return { kind: 'dead' };
  return {
    kind: 'retry',
    atMs: failure.nowMs + backoffMs(failure.tries, failure.random, failure.retryAfterMs),
  };
}
