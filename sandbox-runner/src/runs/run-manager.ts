import type { RunEndReason, RunMessage, RunnerReport, RunRequest } from '../../../core/contracts/run.ts';
import type { LeaseClock } from '../worker/lease-clock.ts';
import { decideStart, type StartDecision } from './decide-start.ts';
import { LiveRun, type LiveRunDeps } from './live-run.ts';
import type { MessageStore } from './message-store.ts';
import type { RunRecord, RunRecords } from './run-records.ts';
import { WRITE_AGAIN_MS } from './session-events.ts';

export interface RunManagerDeps extends LiveRunDeps {
  messages: MessageStore;
  records: RunRecords;
  leaseClock: LeaseClock;
  capacity: number;
  /** Whether the Worker answers; while it does not, agents wait for it, and waiting is not silence. */
  workerReachable: () => boolean;
}

export interface RunState {
  id: string;
  fence: number;
  state: 'running' | 'ended';
  reason: RunEndReason | null;
}

/** A session without a sign of life for this long is stuck. */
const SILENT_MS = 10 * 60_000;
const WATCH_EVERY_MS = 15_000;

async function within(timeoutMs: number, work: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const patience = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, timeoutMs);
  });
  await Promise.race([work, patience]);
  clearTimeout(timer);
}

/** Which runs are here: takes them, ends them, holds their leases. */
export class RunManager {
  readonly #deps: RunManagerDeps;
  readonly #live = new Map<string, LiveRun>();
  readonly #watch: NodeJS.Timeout;
  #closing = false;

  constructor(deps: RunManagerDeps) {
    this.#deps = deps;
    this.#watch = setInterval(() => this.#stopSilent(), WATCH_EVERY_MS);
    this.#watch.unref();
  }

  /**
   * Takes back what an earlier process of this runner left running; what did not outlive it has ended. Their leases
   * are renewed with the first heartbeat; until then nothing is done in their name.
   */
  recover(): void {
    for (const record of this.#deps.records.unfinished()) this.#launch(record, true);
  }

  /** Resolves when each session of an earlier process is taken back, or known to be gone. */
  async recovered(): Promise<void> {
    await Promise.all([...this.#live.values()].map((run) => Promise.race([run.opened, run.settled])));
  }

  get running(): number {
    return this.#live.size;
  }

  get slots(): { running: number; capacity: number; closing: boolean } {
    return { running: this.#live.size, capacity: this.#deps.capacity, closing: this.#closing };
  }

  leases(): RunnerReport['leases'] {
    return [...this.#live.values()].map(({ request }) => ({ run: request.id, fence: request.fence }));
  }

  knownFence(run: string): number | null {
    return this.#deps.records.get(run)?.request.fence ?? null;
  }

  state(run: string): RunState | null {
    const record = this.#deps.records.get(run);
    if (!record) return null;
    const { fence } = record.request;
    return record.ended
      ? { id: run, fence, state: 'ended', reason: record.ended.reason }
      : { id: run, fence, state: 'running', reason: null };
  }

  /** On disk before it answers `start`. `digest`: of the request's body. */
  async start(request: RunRequest, digest: string): Promise<StartDecision> {
    const decision = this.#decide(request, digest);
    if (decision.kind !== 'start') return decision;
    const record: RunRecord = { request, digest, acceptedAt: this.#deps.nowMs(), ended: null };
    const before = this.#live.get(request.id);
    // The new lease is recorded first: whatever asks meanwhile in the name of the old one is stale.
    this.#deps.records.save(record);
    this.#deps.leaseClock.renewed(request.id, this.#deps.leaseClock.nowMs());
    if (before) {
      before.stop('lease_lost', 'a newer lease of this run was granted');
      await before.settled;
      if (this.knownFence(request.id) !== request.fence) return { kind: 'stale_fence' };
    }
    this.#launch(record);
    return decision;
  }

  #decide(request: RunRequest, digest: string): StartDecision {
    const known = this.#deps.records.get(request.id);
    return decideStart(
      { fence: request.fence, digest },
      known ? { digest: known.digest, ended: known.ended, fence: known.request.fence } : null,
      this.slots,
    );
  }

  #launch(record: RunRecord, isTakenBack = false): void {
    const run = new LiveRun(record.request, this.#deps, record.acceptedAt, isTakenBack);
    this.#live.set(record.request.id, run);
    this.#deps.logger.info(isTakenBack ? 'run found' : 'run started', {
      run: record.request.id,
      group: record.request.group,
    });
    void run.settled.then((reason) => {
      this.#deps.logger.info('run ended', { run: record.request.id, reason });
      if (this.#live.get(record.request.id) === run) this.#live.delete(record.request.id);
      return this.#finish(record, reason);
    });
  }

  async #finish(record: RunRecord, reason: RunEndReason): Promise<void> {
    const { id, fence } = record.request;
    const ended = { reason, at: this.#deps.nowMs() };
    while (this.#deps.records.get(id)?.request.fence === fence) {
      try {
        this.#deps.records.save({ ...record, ended });
        break;
      } catch (error) {
        this.#deps.logger.error('the end of a run could not be written; it is tried again', {
          run: id,
          error,
        });
        await this.#deps.sleep(WRITE_AGAIN_MS);
      }
    }
    if (this.#deps.records.get(id)?.request.fence !== fence) return;
    this.#deps.leaseClock.forget(id);
    this.#deps.messages.forget(id, fence);
  }

  /** For the session under this very fence. */
  say(id: string, message: RunMessage): 'accepted' | 'known' | 'ended' | 'unknown' | 'stale_fence' {
    const record = this.#deps.records.get(id);
    if (!record || message.fence > record.request.fence) return 'unknown';
    if (message.fence < record.request.fence) return 'stale_fence';
    return (record.ended === null && this.#live.get(id)?.say(message)) || 'ended';
  }

  /** An older fence may not end a newer lease's run. */
  cancel(id: string, fence: number | null, detail: string): 'canceled' | 'unknown' | 'stale_fence' {
    const record = this.#deps.records.get(id);
    if (!record) return 'unknown';
    if (fence !== null && fence < record.request.fence) return 'stale_fence';
    this.#live.get(id)?.stop('canceled', detail);
    return 'canceled';
  }

  lose(ids: readonly string[]): void {
    for (const id of ids) this.#live.get(id)?.stop('lease_lost', 'the lease went to another runner');
  }

  stopAll(leases: RunnerReport['leases'], detail: string): void {
    for (const { run, fence } of leases) {
      const live = this.#live.get(run);
      if (live?.request.fence === fence) live.stop('canceled', detail);
    }
  }

  #stopSilent(): void {
    if (!this.#deps.workerReachable()) return;
    for (const run of this.#live.values())
      if (run.silentMs() > SILENT_MS) run.stop('silent', 'no sign of life for 10 minutes');
  }

  /** Takes nothing new, lets what runs finish or be kept, ends the rest, and waits for the ends to be on disk; all of it bounded. */
  async close(timeoutMs: number): Promise<void> {
    this.#closing = true;
    clearInterval(this.#watch);
    const runs = [...this.#live.values()];
    await within(timeoutMs / 2, Promise.all(runs.map((run) => run.keep())));
    for (const run of runs) run.stop('interrupted', 'the runner is shutting down');
    await within(timeoutMs / 2, Promise.all(runs.map(({ settled }) => settled)));
  }
}
