/** What a delivery's answer does to its notification and its subscription, as Microsoft documents it. Pure. */

export type SubscriptionStatus = 'enabled' | 'onProbation' | 'disabledBySystem' | 'disabledByUser';

/** Waits before the eight repeats of a transient failure: 183 s together. */
export const transientDelaysMs: readonly number[] = [1, 2, 4, 8, 16, 32, 60, 60].map((s) => s * 1000);

/** Waits before the seven repeats on probation: 36 h together. The sum is documented, how it is split is not. */
export const probationDelaysMs: readonly number[] = [15, 30, 60, 180, 360, 720, 795].map((m) => m * 60_000);

export type DeliveryState = { phase: 'transient' | 'probation'; retries: number };

export type DeliveryDecision =
  | { kind: 'done' }
  | { kind: 'retry'; afterMs: number; state: DeliveryState; status: SubscriptionStatus }
  | { kind: 'disable' };

/** `httpStatus` is 0 where no answer came. */
export function decideDelivery(httpStatus: number, state: DeliveryState): DeliveryDecision {
  if (httpStatus >= 200 && httpStatus < 300) return { kind: 'done' };
  if (httpStatus === 410) return { kind: 'disable' };
  if (state.phase === 'transient' && [0, 408, 502, 503, 504].includes(httpStatus)) {
    const afterMs = transientDelaysMs[state.retries];
    if (afterMs !== undefined) {
      return {
        kind: 'retry',
        afterMs,
        state: { phase: 'transient', retries: state.retries + 1 },
        status: 'enabled',
      };
    }
  }
  const retries = state.phase === 'probation' ? state.retries : 0;
  const afterMs = probationDelaysMs[retries];
  if (afterMs === undefined) return { kind: 'disable' };
  return {
    kind: 'retry',
    afterMs,
    state: { phase: 'probation', retries: retries + 1 },
    status: 'onProbation',
  };
}
