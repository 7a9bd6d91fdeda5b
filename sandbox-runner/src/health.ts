import { statfs } from 'node:fs/promises';
import type { RunnerReport } from '../../core/contracts/run.ts';

/** Below this, checkouts and spools are about to fail. */
const MIN_FREE_BYTES = 1_024 * 1_024 * 1_024;

export interface HealthReport {
  name: string;
  capacity: number;
  running: number;
  engine: 'ok' | 'preparing' | 'failing';
  image: { tag: string; digest: string } | null;
  diskFreeBytes: number;
  /** How strong the walls are where that depends on the engine. */
  isolation: string[];
  /** Events not yet acknowledged by the Worker. */
  undelivered: number;
  problems: string[];
}

export interface HealthFacts {
  name: string;
  capacity: number;
  running: number;
  undelivered: number;
  /** Why the Worker does not hear of us; null: it does. */
  unheard: string | null;
  /** What the backend says of itself. */
  backend: string[];
  isolation: string[];
}

/** What can be told of this runner without a secret: the image, the disk, and what does not work. */
export class Health {
  image: { tag: string; digest: string } | null = null;
  imageProblem: string | null = null;
  #diskFreeBytes = Number.POSITIVE_INFINITY;
  readonly #folder: string;
  readonly #facts: () => HealthFacts;

  constructor(folder: string, facts: () => HealthFacts) {
    this.#folder = folder;
    this.#facts = facts;
  }

  /** Looks at the disk; `report` uses what was seen last. */
  async look(): Promise<void> {
    const { bavail, bsize } = await statfs(this.#folder);
    this.#diskFreeBytes = bavail * bsize;
  }

  report(): HealthReport {
    const { unheard, backend, ...facts } = this.#facts();
    const problems = backend.map((problem) => problem.slice(0, 500));
    if (this.imageProblem !== null) problems.push(this.imageProblem.slice(0, 500));
    if (this.#diskFreeBytes < MIN_FREE_BYTES)
      problems.push(
        `disk: ${Math.round(this.#diskFreeBytes / 1_048_576)} MB left; free some on ${this.#folder}`,
      );
    if (unheard !== null) problems.push(unheard.slice(0, 500));
    const isFailing = this.imageProblem !== null || backend.some((problem) => problem.startsWith('engine:'));
    const engine = isFailing ? 'failing' : this.image === null ? 'preparing' : 'ok';
    return { ...facts, engine, image: this.image, diskFreeBytes: this.#diskFreeBytes, problems };
  }

  /** The part that travels with every heartbeat. */
  brief(): RunnerReport['health'] {
    const { capacity, running, image, problems } = this.report();
    return { capacity, running, image: image?.tag ?? null, problems };
  }
}
