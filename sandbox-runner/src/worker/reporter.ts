import type { RunnerReport, RunnerReportAnswer } from '../../../core/contracts/run.ts';
import { backoffMs } from '../../../core/outbox/backoff.ts';
import type { Logger } from '../logger.ts';
import type { ArtifactStore } from './artifact-store.ts';
import type { EventSpool, SpooledEvent } from './event-spool.ts';
import type { LeaseClock } from './lease-clock.ts';
import type { WorkerClient } from './worker-client.ts';

export interface ReporterDeps {
  runner: string;
  worker: Pick<WorkerClient, 'report'>;
  spool: EventSpool;
  artifacts: Pick<ArtifactStore, 'upload'>;
  leaseClock: LeaseClock;
  logger: Logger;
  nowMs: () => number;
  random: () => number;
  health: () => RunnerReport['health'];
  leases: () => RunnerReport['leases'];
  /** Runs that belong to another now. */
  onLost: (runs: string[]) => void;
  onStop: () => void;
}

const HEARTBEAT_MS = 30_000;
/** Events of one burst travel together. */
const COALESCE_MS = 50;
/** Never slower than the heartbeat, or leases would lapse while the Worker comes back. */
const MAX_BACKOFF_MS = HEARTBEAT_MS;
/** The Worker answered but took nothing: it is asked again, not hammered. */
const UNMOVED_MS = 1_000;
const BATCH_EVENTS = 200;
/** Well under the megabytes that the doors of the Worker take. */
const BATCH_BYTES = 512 * 1_024;

/**
 * Delivers the spool in order, and the heartbeat that renews leases: at once when something happened, every
 * 30 s otherwise, with full-jitter backoff and without end while the Worker does not answer.
 */
export class Reporter {
  readonly #deps: ReporterDeps;
  #timer: NodeJS.Timeout | null = null;
  #dueAtMs = Number.POSITIVE_INFINITY;
  #working: Promise<void> | null = null;
  #failures = 0;
  #closed = false;

  constructor(deps: ReporterDeps) {
    this.#deps = deps;
    deps.spool.onAppend = () => this.#wakeWithin(this.#failures > 0 ? MAX_BACKOFF_MS : COALESCE_MS);
  }

  start(): void {
    this.#wakeWithin(0);
  }

  get reachable(): boolean {
    return this.#failures === 0;
  }

  #wakeWithin(delayMs: number): void {
    if (this.#closed) return;
    const dueAtMs = this.#deps.leaseClock.nowMs() + delayMs;
    if (this.#timer && dueAtMs >= this.#dueAtMs) return;
    if (this.#timer) clearTimeout(this.#timer);
    this.#dueAtMs = dueAtMs;
    this.#timer = setTimeout(() => {
      this.#timer = null;
      this.#dueAtMs = Number.POSITIVE_INFINITY;
      void this.flush();
    }, delayMs);
  }

  /** One round of delivery; never throws. Concurrent calls share a round. */
  flush(): Promise<void> {
    this.#working ??= this.#round().finally(() => {
      this.#working = null;
    });
    return this.#working;
  }

  async #round(): Promise<void> {
    let nextMs: number;
    try {
      nextMs = await this.#deliver();
      if (this.#failures > 0) this.#deps.logger.info('the control plane answers again');
      this.#failures = 0;
    } catch (error) {
      this.#failures += 1;
      nextMs = Math.min(MAX_BACKOFF_MS, backoffMs(this.#failures, this.#deps.random(), null));
      this.#deps.logger.warn('events were not delivered', { error, tries: this.#failures, nextMs });
    }
    this.#wakeWithin(nextMs);
  }

  /** Answers when to come again. */
  async #deliver(): Promise<number> {
    const deps = this.#deps;
    const batch = deps.spool.pending(BATCH_EVENTS, BATCH_BYTES);
    for (const { event, artifacts } of batch)
      for (const artifact of artifacts) await deps.artifacts.upload(event.run, artifact);

    const sentAtMs = deps.leaseClock.nowMs();
    const leases = deps.leases();
    const answer = await deps.worker.report({
      runner: deps.runner,
      at: deps.nowMs(),
      health: deps.health(),
      leases,
      events: batch.map(({ event }) => event),
    });
    const lost = new Set(answer.lost);
    for (const { run } of leases) if (!lost.has(run)) deps.leaseClock.renewed(run, sentAtMs);
    this.#acknowledge(batch, answer);
    if (answer.lost.length > 0) deps.onLost(answer.lost);
    if (answer.stop) deps.onStop();
    if (deps.spool.size === 0) return HEARTBEAT_MS;
    const moved = batch.some(({ event }) => (answer.acknowledged[event.run] ?? 0) >= event.seq);
    return moved || batch.length === 0 ? 0 : UNMOVED_MS;
  }

  #acknowledge(batch: SpooledEvent[], answer: RunnerReportAnswer): void {
    const fences = new Map(batch.map(({ event }) => [event.run, event.fence]));
    for (const [run, seq] of Object.entries(answer.acknowledged)) {
      const fence = fences.get(run);
      if (fence !== undefined) this.#deps.spool.acknowledge(run, fence, seq);
    }
  }

  /** Delivers what is left, as long as it moves and time allows. */
  async close(timeoutMs: number): Promise<void> {
    this.#closed = true;
    if (this.#timer) clearTimeout(this.#timer);
    const deadlineMs = this.#deps.leaseClock.nowMs() + timeoutMs;
    await this.#working;
    for (let before = -1; this.#deps.spool.size !== before && this.#deps.leaseClock.nowMs() < deadlineMs; ) {
      before = this.#deps.spool.size;
      if (before > 0) await this.flush();
    }
  }
}
