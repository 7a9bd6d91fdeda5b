import type { RunEndReason } from '../../../core/contracts/run.ts';
import type { SandboxEnd } from '../backend/sandbox.ts';

/** Why we ended a run; it outranks what the container says of its own end. */
export interface Stop {
  reason: RunEndReason;
  detail: string;
}

/** How a run ended, from the container's word, our own deed, and whether there is a result. */
export function endOf(
  end: Pick<SandboxEnd, 'reason' | 'detail'>,
  stop: Stop | null,
  { resultGiven, handedOff }: { resultGiven: boolean; handedOff: boolean },
): { reason: RunEndReason; detail: string } {
  if (handedOff && !resultGiven && (end.reason === 'completed' || end.reason === 'timeout'))
    return { reason: 'handed_off', detail: end.detail };
  if (end.reason === 'completed')
    return resultGiven
      ? { reason: 'completed', detail: end.detail }
      : { reason: 'no_result', detail: end.detail || 'the session ended without a report' };
  if (stop && (end.reason === 'canceled' || end.reason === 'timeout' || end.reason === 'start_failed'))
    return stop;
  return { reason: end.reason, detail: end.detail };
}
