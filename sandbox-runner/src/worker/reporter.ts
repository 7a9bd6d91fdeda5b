import type { Artifact } from '../../../core/contracts/artifact.ts';
import type { RunnerReport, RunnerReportAnswer } from '../../../core/contracts/run.ts';
import { backoffMs } from '../../../core/outbox/backoff.ts';
import type { Logger } from '../logger.ts';
import type { ArtifactStore } from './artifact-store.ts';
import type { EventSpool, SpooledEvent } from './event-spool.ts';
import type { LeaseClock } from './lease-clock.ts';
import { type WorkerClient, WorkerError } from './worker-client.ts';

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
  /** Everything was stopped when these leases were reported; what was begun since is not meant. */
  onStop: (leases: RunnerReport['leases']) => void;
}

const NO_ANSWER = 'the control plane does not answer';
const HEARTBEAT_MS = 30_000;
/** Events of one burst travel together. */
const COALESCE_MS = 50;
/** One small request; a Worker that comes back should hear of its runners soon, and leases last 90 s. */
const MAX_BACKOFF_MS = 5_000;
/** The Worker answered but took nothing: it is asked again, not hammered. */
const UNMOVED_MS = 1_000;
const MAX_REFUSED_UPLOADS = 5;
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
  #problem = NO_ANSWER;
  #unmoved = 0;
  readonly #uploadTries = new Map<string, number>();
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

  /** Why nothing is delivered, in the Worker's own words where it answers; null: all is well. */
  get problem(): string | null {
    return this.#failures === 0 ? null : this.#problem;
  }

  #wakeWithin(delayMs: number): void {
    if (this.#closed) return;
    const nowMs = this.#deps.leaseClock.nowMs();
    const dueAtMs = nowMs + delayMs;
    // A timer that is overdue by the clock says nothing about when it will fire: it counts by another one.
    if (this.#timer && this.#dueAtMs > nowMs && dueAtMs >= this.#dueAtMs) return;
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
      const isRefusal = error instanceof WorkerError && error.status !== null;
      this.#problem = isRefusal ? `the control plane refuses our reports: ${error.problem}` : NO_ANSWER;
      nextMs = Math.min(MAX_BACKOFF_MS, backoffMs(this.#failures, this.#deps.random(), null));
      this.#deps.logger.warn('events were not delivered', { error, tries: this.#failures, nextMs });
    }
    this.#wakeWithin(nextMs);
  }

  /**
   * The events of which everything they name has arrived; per run none after one that has to wait. A refused
   * artifact is given up after a few tries: the event is worth more than what it points at.
   */
  async #ready(batch: SpooledEvent[]): Promise<SpooledEvent[]> {
    const waiting = new Set<string>();
    const ready: SpooledEvent[] = [];
    for (const spooled of batch) {
      const { run } = spooled.event;
      if (waiting.has(run)) continue;
      for (const artifact of spooled.artifacts) if (!(await this.#uploaded(run, artifact))) waiting.add(run);
      if (!waiting.has(run)) ready.push(spooled);
    }
    return ready;
  }

  async #uploaded(run: string, artifact: Artifact): Promise<boolean> {
    const key = `${run}/${artifact.sha256}`;
    try {
      await this.#deps.artifacts.upload(run, artifact);
      this.#uploadTries.delete(key);
      return true;
    } catch (error) {
      const tries = (this.#uploadTries.get(key) ?? 0) + 1;
      this.#uploadTries.set(key, tries);
      const givenUp = tries >= MAX_REFUSED_UPLOADS && !(error instanceof WorkerError && error.retryable);
      this.#deps.logger[givenUp ? 'error' : 'warn']('an artifact was not taken', {
        error,
        key,
        tries,
        givenUp,
      });
      return givenUp;
    }
  }

  /** Answers when to come again. Leases are renewed whatever becomes of the events. */
  async #deliver(): Promise<number> {
    const { spool } = this.#deps;
    const batch = spool.pending(BATCH_EVENTS, BATCH_BYTES);
    const ready = await this.#ready(batch);
    let answer: RunnerReportAnswer;
    try {
      answer = await this.#report(ready);
    } catch (error) {
      if (ready.length > 0 && error instanceof WorkerError && !error.retryable) await this.#report([]);
      throw error;
    }
    this.#acknowledge(ready, answer);
    if (spool.size === 0) return HEARTBEAT_MS;
    const moved = ready.some(({ event }) => (answer.acknowledged[event.run] ?? 0) >= event.seq);
    this.#unmoved = moved || batch.length === 0 ? 0 : this.#unmoved + 1;
    return this.#unmoved === 0 ? 0 : Math.min(HEARTBEAT_MS, UNMOVED_MS * 2 ** (this.#unmoved - 1));
  }

  async #report(events: SpooledEvent[]): Promise<RunnerReportAnswer> {
    const deps = this.#deps;
    const sentAtMs = deps.leaseClock.nowMs();
    const leases = deps.leases();
    const answer = await deps.worker.report({
      runner: deps.runner,
      at: deps.nowMs(),
      health: deps.health(),
      leases,
      events: events.map(({ event }) => event),
    });
    const lost = new Set(answer.lost);
    for (const { run } of leases) if (!lost.has(run)) deps.leaseClock.renewed(run, sentAtMs);
    for (const [run, code] of Object.entries(answer.refused ?? {}))
      deps.logger.error('the control plane does not hear us about a run', { run, code });
    if (answer.lost.length > 0) deps.onLost(answer.lost);
    if (answer.stop) deps.onStop(leases);
    return answer;
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
