import type { RunEndReason } from '../contracts/run.ts';

/** Row B17: a task may take this many sessions; then it is too large for one run. */
export const MAX_SESSIONS = 4;

/**
 * The session is over and its task is not: by its own hand-off, because its place broke, or because everything was
 * stopped. A run that was itself canceled has ended, and nobody asks about its session.
 */
const GOES_ON: readonly RunEndReason[] = ['handed_off', 'interrupted', 'canceled'];
/** Only where something was kept is there more to expect from a second session than from the first. */
const GOES_ON_FROM_CHECKPOINT: readonly RunEndReason[] = ['timeout', 'silent', 'crashed', 'out_of_memory'];

/** Whether a session's end is the run's end. `leases`: how many sessions were begun, this one included. */
export function decideNextSession(
  end: { reason: RunEndReason; hasResult: boolean; newCheckpoint: boolean },
  sessions: number,
  leftMicroUsd: number,
): 'fresh_session' | 'end' {
  if (end.hasResult || sessions >= MAX_SESSIONS || leftMicroUsd <= 0) return 'end';
  if (GOES_ON.includes(end.reason)) return 'fresh_session';
  return end.newCheckpoint && GOES_ON_FROM_CHECKPOINT.includes(end.reason) ? 'fresh_session' : 'end';
}
