import type { Outbox, OutboxItem } from './outbox.ts';

/** Six connections are open at most in a Worker; two are left for what callers need meanwhile. */
export const MAX_IN_FLIGHT = 4;
export const EFFECT_TIMEOUT_MS = 30_000;

export interface DrainDeps<Outcome> {
  outbox: Outbox;
  now(): number;
  /** In [0, 1). */
  random(): number;
  /** Does the thing. Throws when it failed; an error may say `retryable: false` and `retryAfterMs`. */
  perform(item: OutboxItem): Promise<Outcome>;
  /** How long one try may take; absent: `EFFECT_TIMEOUT_MS`. */
  timeoutMs?(item: OutboxItem): number;
  /** Records success: marks the item done together with all that follows from it, in one transaction. */
  succeeded(item: OutboxItem, outcome: Outcome): void;
  /** Records a failed try with `outbox.fail`, and what follows when the item died of it, in one transaction. */
  failed(item: OutboxItem, failure: Failure): void;
  /** After every change: the alarm is to be set again. */
  changed(): void;
}

export interface Failure {
  error: string;
  retryable: boolean;
  retryAfterMs: number | null;
  nowMs: number;
  random: number;
}

/** Reads what an error says of itself; one that says nothing may be tried again. */
export function failureOf(error: unknown, nowMs: number, random: number): Failure {
  const said = typeof error === 'object' && error !== null ? error : {};
  const retryable = !('retryable' in said && said.retryable === false);
  const retryAfterMs =
    'retryAfterMs' in said && typeof said.retryAfterMs === 'number' ? said.retryAfterMs : null;
  const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return { error: text.slice(0, 2_000), retryable, retryAfterMs, nowMs, random };
}

export class EffectTimeout extends Error {
  override name = 'EffectTimeout';
  readonly retryable = true;
}

/**
 * Performs what is in an outbox, a few at a time. What is in flight is known in memory only: after a crash
 * the items are still pending, and the alarm starts them again. Every effect is safe to repeat by its key.
 */
export class OutboxDrain<Outcome> {
  readonly #deps: DrainDeps<Outcome>;
  readonly #inFlight = new Map<string, Promise<void>>();

  constructor(deps: DrainDeps<Outcome>) {
    this.#deps = deps;
  }

  get inFlight(): ReadonlySet<string> {
    return new Set(this.#inFlight.keys());
  }

  get isFull(): boolean {
    return this.#inFlight.size >= MAX_IN_FLIGHT;
  }

  /** Starts what is due, and returns; nothing is waited for. */
  kick(): void {
    const { outbox, now } = this.#deps;
    if (this.isFull) return;
    for (const item of outbox.due(now(), MAX_IN_FLIGHT + this.#inFlight.size)) {
      if (this.isFull) break;
      if (this.#inFlight.has(item.key)) continue;
      outbox.begin(item.key);
      this.#inFlight.set(item.key, this.#run({ ...item, tries: item.tries + 1 }));
    }
  }

  /** Resolves when nothing is in flight. */
  async idle(): Promise<void> {
    while (this.#inFlight.size > 0) await Promise.all(this.#inFlight.values());
  }

  async #run(item: OutboxItem): Promise<void> {
    const { perform, timeoutMs, succeeded, failed, now, random, changed } = this.#deps;
    try {
      const outcome = await withTimeout(perform(item), timeoutMs?.(item) ?? EFFECT_TIMEOUT_MS);
      succeeded(item, outcome);
    } catch (error) {
      this.#safely(() => failed(item, failureOf(error, now(), random())));
    }
    this.#inFlight.delete(item.key);
    this.#safely(() => {
      this.kick();
      changed();
    });
  }

  /** Nobody waits for a try: an error that escapes its handling is logged, and the alarm tries again. */
  #safely(work: () => void): void {
    try {
      work();
    } catch (error) {
      console.error('outbox', error);
    }
  }
}

/** What hangs is given up, so that it holds up no other; its late end is nobody's any more. */
async function withTimeout<T>(work: Promise<T>, timeoutMs: number): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | null = null;
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new EffectTimeout(`not done within ${timeoutMs} ms`)), timeoutMs);
  });
  try {
    return await Promise.race([work, timeout]);
  } finally {
    if (timer !== null) clearTimeout(timer);
  }
}
