import type { Artifact } from '../../../core/contracts/artifact.ts';
import type { RunRequest } from '../../../core/contracts/run.ts';
import type { Logger } from '../logger.ts';
import type { EventPayload, EventSpool } from '../worker/event-spool.ts';

export type EventArguments = [payload: EventPayload, artifacts?: Artifact[]];

export interface SessionEventsDeps {
  spool: Pick<EventSpool, 'append'>;
  logger: Logger;
  sleep: (delayMs: number) => Promise<void>;
}

/** How often a full disk is tried again. */
export const WRITE_AGAIN_MS = 2_000;

/** What is told of one session, in its order: on disk at once, or as soon as the disk takes it. */
export class SessionEvents {
  readonly #run: Pick<RunRequest, 'id' | 'fence'>;
  readonly #deps: SessionEventsDeps;
  /** What an eager agent did before we heard that it runs; null once that is told. */
  #early: EventArguments[] | null = [];
  /** What a full disk did not take yet. */
  readonly #unwritten: EventArguments[] = [];
  #writing: Promise<void> = Promise.resolve();

  constructor(run: Pick<RunRequest, 'id' | 'fence'>, deps: SessionEventsDeps) {
    this.#run = run;
    this.#deps = deps;
  }

  /** Throws when it cannot be written: for what the agent may not go on without. */
  append(...event: EventArguments): void {
    if (this.#early) this.#early.push(event);
    else this.#deps.spool.append(this.#run.id, this.#run.fence, ...event);
  }

  /** Never throws, and loses nothing while this process lives: for what has happened already. */
  keep(...event: EventArguments): void {
    try {
      if (this.#unwritten.length === 0) return this.append(...event);
    } catch (error) {
      this.#deps.logger.error('an event could not be written; it is tried again', {
        run: this.#run.id,
        error,
      });
    }
    this.#unwritten.push(event);
    if (this.#unwritten.length === 1) this.#writing = this.#writeLater();
  }

  /** The session runs, or has ended: `first` goes before what was told already. */
  begin(first: EventArguments | null): void {
    const early = this.#early ?? [];
    this.#early = null;
    for (const event of first ? [first, ...early] : early) this.keep(...event);
  }

  /** Resolves when all of it is on disk. */
  written(): Promise<void> {
    return this.#writing;
  }

  async #writeLater(): Promise<void> {
    while (this.#unwritten.length > 0) {
      await this.#deps.sleep(WRITE_AGAIN_MS);
      try {
        for (let event = this.#unwritten[0]; event; event = this.#unwritten[0]) {
          this.append(...event);
          this.#unwritten.shift();
        }
      } catch {
        // Still full.
      }
    }
  }
}
