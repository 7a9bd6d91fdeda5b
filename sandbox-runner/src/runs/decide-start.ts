import type { RunRecord } from './run-records.ts';

export type StartDecision =
  | { kind: 'known' }
  | { kind: 'stale_fence' }
  | { kind: 'conflict' }
  | { kind: 'full' }
  /** `replaces`: an older lease of the same run still runs here and must go first. */
  | { kind: 'start'; replaces: boolean };

/** What to do with `PUT /v1/runs/{id}`, from what is known of that run and how full this runner is. */
export function decideStart(
  asked: { fence: number; digest: string },
  known: (Pick<RunRecord, 'digest' | 'ended'> & { fence: number }) | null,
  slots: { running: number; capacity: number; closing: boolean },
): StartDecision {
  const alive = known !== null && known.ended === null;
  if (known !== null) {
    if (asked.fence < known.fence) return { kind: 'stale_fence' };
    if (asked.fence === known.fence) return { kind: known.digest === asked.digest ? 'known' : 'conflict' };
  }
  const running = alive ? slots.running - 1 : slots.running;
  if (slots.closing || running >= slots.capacity) return { kind: 'full' };
  return { kind: 'start', replaces: alive };
}
