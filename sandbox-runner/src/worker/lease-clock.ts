/** Without a renewal for this long, this runner does nothing outside; the pool grants anew only after 180 s. */
export const LEASE_FRESH_MS = 90_000;

/** When each lease was last renewed, by the monotonic clock: a corrected wall clock must not stretch a lease. */
export class LeaseClock {
  readonly #renewedAtMs = new Map<string, number>();
  readonly #monotonicMs: () => number;

  constructor(monotonicMs: () => number) {
    this.#monotonicMs = monotonicMs;
  }

  nowMs(): number {
    return this.#monotonicMs();
  }

  /** `sentAtMs`: when the renewal was sent, by this clock; the other side counted from no earlier. */
  renewed(run: string, sentAtMs: number): void {
    this.#renewedAtMs.set(run, Math.max(sentAtMs, this.#renewedAtMs.get(run) ?? sentAtMs));
  }

  forget(run: string): void {
    this.#renewedAtMs.delete(run);
  }

  /** Whether an effect outside is allowed now in the name of this run. */
  isFresh(run: string): boolean {
    const renewedAtMs = this.#renewedAtMs.get(run);
    return renewedAtMs !== undefined && this.#monotonicMs() - renewedAtMs <= LEASE_FRESH_MS;
  }
}
