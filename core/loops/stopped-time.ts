import type { Timer } from './loop.ts';

/** While everything is stopped a timer is looked at this often at most. */
const MIN_LONGER_MS = 15 * 60_000;

/**
 * A timer that waits for agents does not run while everything is stopped: what was lost to a stop since it was
 * set is given back. Null: nothing was lost, its time is over.
 */
export function longerBy(stoppedMs: number, timer: Timer, nowMs: number): Timer | null {
  return stoppedMs > 0 ? { name: timer.name, dueAt: nowMs + Math.max(stoppedMs, MIN_LONGER_MS) } : null;
}
