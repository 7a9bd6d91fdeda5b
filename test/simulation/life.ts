import { AsyncLocalStorage } from 'node:async_hooks';

/**
 * Whatever runs product code: one instance of an object, or one invocation of the Worker. Once it is dead,
 * nothing reaches it and nothing that it writes is kept.
 */
export class Life {
  readonly name: string;
  readonly skewMs: number;
  alive = true;
  readonly #onDeath = new Set<() => void>();

  constructor(name: string, skewMs: number) {
    this.name = name;
    this.skewMs = skewMs;
  }

  die(): void {
    if (!this.alive) return;
    this.alive = false;
    for (const tell of this.#onDeath) tell();
    this.#onDeath.clear();
  }

  /** Answers how to take the wish back. */
  onDeath(tell: () => void): () => void {
    this.#onDeath.add(tell);
    return () => this.#onDeath.delete(tell);
  }
}

export class Died extends Error {
  override name = 'Died';
}

const lives = new AsyncLocalStorage<Life | null>();

export const currentLife = (): Life | null => lives.getStore() ?? null;
export const within = <T>(life: Life | null, work: () => T): T => lives.run(life, work);
