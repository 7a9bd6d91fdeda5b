import { backoffMs } from '../../core/outbox/backoff.ts';
import { withoutReplaced, writeProjections } from '../../workers/db/projections.ts';
import type { ProjectionQueue } from './projection.ts';

/** D1 on the free plan allows 50 subrequests per invocation; some are left for what else it does. */
const BATCH = 40;
/** What follows within this time goes in the same batch, and most rows of one event do. */
const GATHER_MS = 100;
/** Where rows follow each other without end, fewer and fuller batches cost D1 and the object less. */
const MAX_GATHER_MS = 800;

export interface FlushDeps {
  db: D1Database;
  queue: ProjectionQueue;
  now(): number;
  random(): number;
  /** After every change: the alarm is to be set again. */
  changed(): void;
}

/** Sends rows to D1 beside the object's work, one batch at a time; failures wait for the alarm. */
export class ProjectionFlush {
  readonly #deps: FlushDeps;
  #running: Promise<void> | null = null;
  #failures = 0;
  #notBefore = 0;

  constructor(deps: FlushDeps) {
    this.#deps = deps;
  }

  /** When the next batch should go; null when nothing waits. */
  nextAt(): number | null {
    if (!this.#deps.queue.hasWaiting()) return null;
    return Math.max(this.#notBefore, this.#deps.now());
  }

  kick(): void {
    if (this.#running || this.#deps.now() < this.#notBefore || !this.#deps.queue.hasWaiting()) return;
    this.#running = this.#flush().finally(() => {
      this.#running = null;
      this.#deps.changed();
    });
  }

  async idle(): Promise<void> {
    while (this.#running) await this.#running;
  }

  async #flush(): Promise<void> {
    const { db, queue, now, random } = this.#deps;
    let gatherMs = GATHER_MS;
    for (let sent = 0; ; ) {
      if (sent < BATCH) {
        await new Promise((resolve) => setTimeout(resolve, gatherMs));
        gatherMs = Math.min(gatherMs * 2, MAX_GATHER_MS);
      }
      const batch = queue.next(BATCH);
      if (batch.length === 0) return;
      const ns = batch.map(({ n }) => n);
      try {
        await writeProjections(db, withoutReplaced(batch.map(({ projection }) => projection)));
        queue.sent(ns);
        sent = ns.length;
        this.#failures = 0;
      } catch (error) {
        queue.failed(ns, String(error).slice(0, 500));
        this.#failures += 1;
        this.#notBefore = now() + backoffMs(this.#failures, random(), null);
        return;
      }
    }
  }
}
