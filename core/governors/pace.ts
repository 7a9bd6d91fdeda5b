/** Row C5: the operator hears of a run that takes more than 120% of what was expected. */
export const OVERTIME = 1.2;
/** Row C5: more files than this changed by one step. */
export const MAX_FILES_IN_A_STEP = 100;
/** What an agent gets to write its hand-off and end, at most a quarter of its session. */
export const HAND_OFF_TIME_MS = 5 * 60_000;
/** Each compaction loses detail; after two a fresh session with a hand-off knows more than this one. */
export const MAX_COMPACTIONS = 2;
/** Work that a crash may cost. */
export const CHECKPOINT_EVERY_TURNS = 10;

export const isOvertime = (elapsedMs: number, estimateMs: number): boolean =>
  elapsedMs > estimateMs * OVERTIME;

/** Whether the session should hand its work over now, and why; null: it may go on. */
export function decideHandOff(
  elapsedMs: number,
  timeoutMs: number,
  compactions: number,
): 'wall_clock' | 'context' | null {
  const reserveMs = Math.min(HAND_OFF_TIME_MS, timeoutMs / 4);
  if (elapsedMs >= timeoutMs - reserveMs) return 'wall_clock';
  return compactions >= MAX_COMPACTIONS ? 'context' : null;
}

/** Whether the workspace as it is now should be kept outside the container. */
export const isCheckpointDue = (turnsSince: number, workspace: string | null, kept: string | null): boolean =>
  turnsSince >= CHECKPOINT_EVERY_TURNS && workspace !== null && workspace !== kept;
