import type { RunEndReason } from '../../core/contracts/run.ts';
import { decideNextSession } from '../../core/governors/sessions.ts';
import type { RunBook } from './run-book.ts';
import { endEvent, holdsLease, type RunEnd } from './run-record.ts';

/** A container may be slow to start and to be taken down; the runner's own clock is the first to act. */
const DEADLINE_GRACE_MS = 20 * 60_000;
/** A lease that was lost while we were away revives with the next heartbeat: runners try every 5 s, report every 30 s. */
const REVIVE_WITHIN_MS = 45_000;
/** More of them would hide a runner that begins nothing, or ends whatever it is given. */
const MAX_EXCUSED_SESSIONS = 20;

export interface Lease {
  fence: number;
  runner: string | null;
}

/** The leases of a run, one after the other, and its end. All of it runs inside a change of the book. */
export class RunSessions {
  readonly #book: RunBook;

  constructor(book: RunBook) {
    this.#book = book;
  }

  /** In one lane with the release of the lease before: the pool gives a run only one. */
  askForLease(nowMs: number): void {
    this.#book.outbox.add({ key: this.#leaseKey(), kind: 'lease', lane: 'start', body: '' }, nowMs);
  }

  leaseAnswered(): void {
    this.#book.outbox.done(this.#leaseKey());
  }

  #leaseKey(): string {
    const sessions = this.#book.record?.sessions ?? 0;
    return sessions === 0 ? 'lease' : `lease:${sessions}`;
  }

  begin(lease: Lease, timeoutMs: number, nowMs: number): void {
    const { record, messages, outbox } = this.#book;
    if (!record) return;
    this.#book.update({
      ...lease,
      grants: [...record.grants, lease],
      sessions: record.sessions + 1,
      tries: 0,
      status: 'leased',
      deadlineAt: nowMs + timeoutMs + DEADLINE_GRACE_MS,
    });
    if (record.spec.kind !== 'heavy') return;
    messages.putIntoPrompt(lease.fence);
    outbox.add({ key: `start:${lease.fence}`, kind: 'start', lane: 'start', body: '' }, nowMs);
  }

  /** A lease that was lost revives, or is looked for after this pause. */
  checkLease(nowMs: number): void {
    const { record, outbox } = this.#book;
    // A request that was long on its way may have been granted after the end.
    if (record?.status === 'ended') return this.#releaseAll(`late:${nowMs}`, nowMs);
    if (record?.spec.kind !== 'heavy' || !holdsLease(record)) return;
    const dueAt = nowMs + REVIVE_WITHIN_MS;
    outbox.add({ key: `check:${nowMs}`, kind: 'check_lease', lane: null, body: '' }, dueAt);
  }

  /** Its runner fell silent for good: the work is done once more, elsewhere, from where it was kept. */
  loseLease(nowMs: number): void {
    const { record } = this.#book;
    if (!record || record.status === 'ended') return;
    this.cancelAtRunner('its lease was lost', nowMs);
    const detail = 'its runner fell silent';
    if (!this.goOn('interrupted', detail, nowMs))
      this.end({ ok: false, reason: 'lease_lost', detail }, nowMs, false);
  }

  /**
   * Everything was stopped. `not_begun`: it never came to a runner and waits anew; `asked`: its runner has to
   * end it, and what it tells then lets the run wait anew.
   */
  halt(nowMs: number): 'not_begun' | 'asked' {
    const { record, outbox } = this.#book;
    const { fence = 0, status } = record ?? {};
    const start = outbox.get(`start:${fence}`);
    this.#book.update({ haltedFence: fence });
    if (status === 'running' || start?.tries !== 0) return 'asked';
    outbox.done(start.key);
    this.stopped(nowMs);
    return 'not_begun';
  }

  /** Its session was ended because everything was: it waits anew, and its loop hears nothing. */
  stopped(nowMs: number): void {
    const detail = 'everything was stopped';
    if (!this.goOn('canceled', detail, nowMs))
      this.end({ ok: false, reason: 'canceled', detail }, nowMs, false);
  }

  /** Begins a fresh session of the same run under the next lease; false when this end is the run's end. */
  goOn(reason: RunEndReason, detail: string, nowMs: number): boolean {
    const { record } = this.#book;
    if (!record) return false;
    const hasResult = record.reported !== null;
    const newCheckpoint = record.checkpointFence === record.fence;
    const left = (record.budgetMicroUsd ?? Number.POSITIVE_INFINITY) - record.costMicroUsd;
    // Only a stop of everything cancels a session of a run that goes on.
    const isExcused = reason === 'canceled' || record.status === 'leased';
    const excusedSessions = record.excusedSessions + (isExcused ? 1 : 0);
    const sessions = record.sessions - Math.min(excusedSessions, MAX_EXCUSED_SESSIONS);
    if (decideNextSession({ reason, hasResult, newCheckpoint }, sessions, left) === 'end') return false;
    this.#book.audit('session_ended', { by: record.spec.group, fence: record.fence, reason, detail }, nowMs);
    this.release(record.fence, nowMs, 'start');
    this.#book.update({ status: 'requested', deadlineAt: null, excusedSessions });
    this.askForLease(nowMs);
    return true;
  }

  /** Ends the run, once, and tells its incident. `cancel`: its runner is told to stop as well. */
  end(end: RunEnd, nowMs: number, cancel: boolean): void {
    const { record } = this.#book;
    if (!record || record.status === 'ended') return;
    const reason = end.ok ? 'completed' : end.reason;
    const detail = end.ok ? null : end.detail;
    this.#book.update({ status: 'ended', endedAt: nowMs, endReason: reason, endDetail: detail });
    const { costMicroUsd, model, toolCalls, turns } = record;
    const by = record.spec.group;
    this.#book.audit('run_ended', { by, reason, detail, model, toolCalls, turns, costMicroUsd }, nowMs);
    this.#book.tell('ended', endEvent(record, end), nowMs);
    this.#releaseAll('all', nowMs);
    if (cancel) this.cancelAtRunner(detail ?? reason, nowMs);
    if (!end.ok && end.invalid !== undefined) this.#buryResult(end.invalid, end.detail, nowMs);
  }

  release(fence: number, nowMs: number, lane: 'start' | null = null): void {
    const body = JSON.stringify({ fence });
    this.#book.outbox.add({ key: `release:${fence}`, kind: 'release', lane, body }, nowMs);
  }

  /** The run is over: the pool may have given it a lease that it never heard of, after the last one that it gave back. */
  #releaseAll(name: string, nowMs: number): void {
    const body = JSON.stringify({ fence: null });
    this.#book.outbox.add({ key: `release:${name}`, kind: 'release', lane: null, body }, nowMs);
  }

  cancelAtRunner(reason: string, nowMs: number): void {
    const { runner = null, fence = 0 } = this.#book.record ?? {};
    if (runner === null || fence === 0) return;
    const body = JSON.stringify({ runner, fence, reason });
    this.#book.outbox.add({ key: `cancel:${fence}`, kind: 'cancel', lane: null, body }, nowMs);
  }

  #buryResult(value: unknown, error: string, at: number): void {
    const body = JSON.stringify(value).slice(0, 100_000);
    this.#book.deadLetter({ key: 'result', kind: 'invalid_result', tries: 1, body }, error, 'dead', at);
  }
}
