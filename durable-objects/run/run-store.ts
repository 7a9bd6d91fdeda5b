import type { Intent } from '../../core/contracts/intents.ts';
import type { RunnerEvent } from '../../core/contracts/run.ts';
import type { Usage } from '../../core/contracts/usage.ts';
import type { RunSpec } from '../../core/loops/effects.ts';
import type { SessionMessage } from '../../core/text/session-message.ts';
import type { Outbox } from '../shared/outbox.ts';
import type { Failure } from '../shared/outbox-drain.ts';
import type { ProjectionQueue } from '../shared/projection.ts';
import type { Sql } from '../shared/sql.ts';
import { RunBook } from './run-book.ts';
import { countUsage } from './run-cost.ts';
import type { Child, DispatchAnswer } from './run-dispatches.ts';
import { RunEvents } from './run-events.ts';
import type { RunLedger } from './run-ledger.ts';
import type { RunMessages } from './run-messages.ts';
import { newRecord, type RunEnd, type RunRecord } from './run-record.ts';
import { type RedactionOrder, redactRun } from './run-redaction.ts';
import type { SteerAnswer } from './run-rpc.ts';
import { type Lease, RunSessions } from './run-sessions.ts';
import { RunTalk } from './run-talk.ts';

/** One run: what was asked, what its runner told, what it cost, how it ended. Each call is one transaction. */
export class RunStore {
  readonly #book: RunBook;
  readonly #sessions: RunSessions;
  readonly #talk: RunTalk;
  readonly #events: RunEvents;

  constructor(sql: Sql, changed: () => void) {
    this.#book = new RunBook(sql, changed);
    this.#sessions = new RunSessions(this.#book);
    this.#talk = new RunTalk(this.#book);
    this.#events = new RunEvents(this.#book, this.#sessions, this.#talk);
  }

  get outbox(): Outbox {
    return this.#book.outbox;
  }

  get projections(): ProjectionQueue {
    return this.#book.projections;
  }

  get ledger(): RunLedger {
    return this.#book.ledger;
  }

  get messages(): RunMessages {
    return this.#book.messages;
  }

  get record(): RunRecord | null {
    return this.#book.record;
  }

  /** What was asked; there is nothing to do for a run before it was created. */
  get spec(): RunSpec {
    if (this.record === null) throw new Error('this run was never started');
    return this.record.spec;
  }

  /** False when it is known already. */
  create(
    spec: RunSpec,
    model: string,
    nowMs: number,
    budgetMicroUsd: number | null = null,
    rerun: RunRecord['rerun'] = null,
  ): boolean {
    if (this.record !== null) return false;
    const { group: by, purpose, kind } = spec;
    this.#book.change(() => {
      this.#book.write({ ...newRecord(spec, model, budgetMicroUsd, nowMs), rerun });
      this.#book.audit('run_requested', { by, purpose, kind, model }, nowMs);
      this.#sessions.askForLease(nowMs);
    });
    return true;
  }

  /** It waits for a slot, at this place; a person who waits for it hears so. */
  queued(position: number, nowMs: number): void {
    this.#book.change(() => {
      this.#sessions.leaseAnswered();
      if (this.record?.status === 'requested') this.#book.update({ status: 'waiting' });
      if (this.record?.spec.forPerson)
        this.outbox.add({ key: 'place', kind: 'place', lane: null, body: String(position) }, nowMs);
    });
  }

  /** The pool gave a slot; false when the run cannot use it any more, or has it already. */
  leased(lease: Lease, timeoutMs: number, nowMs: number): boolean {
    const { record } = this;
    const isNew = record !== null && lease.fence > record.fence;
    const usable = isNew && record.status !== 'ended';
    this.#book.change(() => {
      this.#sessions.leaseAnswered();
      if (usable) this.#sessions.begin(lease, timeoutMs, nowMs);
      else if (isNew) this.#sessions.release(lease.fence, nowMs);
    });
    return usable;
  }

  steer(message: SessionMessage, nowMs: number): SteerAnswer {
    return this.#talk.steer(message, nowMs);
  }

  /** The model of a light run is given these with its next call. */
  given(ids: readonly string[], nowMs: number): void {
    this.#book.change(() => {
      for (const id of ids) this.#talk.given(id, nowMs);
    });
  }

  /** A light run begins, or begins again after its isolate died. */
  beginTry(nowMs: number): void {
    this.#book.change(() => {
      const { record } = this;
      if (!record) return;
      if (record.status !== 'running') this.#events.startedBy(record, nowMs);
      this.#book.update({ tries: record.tries + 1 });
    });
  }

  done(key: string): void {
    this.#book.change(() => this.outbox.done(key));
  }

  /** True when the item died of it. */
  fail(key: string, failure: Failure): boolean {
    let isDead = false;
    this.#book.change(() => {
      isDead = this.outbox.fail(key, failure).kind === 'dead';
      const item = this.outbox.get(key);
      if (isDead && item) this.#book.deadLetter(item, failure.error, 'dead', failure.nowMs);
    });
    return isDead;
  }

  retry(key: string, nowMs: number): boolean {
    let revived = false;
    this.#book.change(() => {
      const item = this.outbox.get(key);
      revived = this.outbox.revive(key, nowMs);
      if (item && revived) this.#book.deadLetter(item, item.error ?? '', 'replayed', nowMs);
    });
    return revived;
  }

  addUsage(usage: Usage, nowMs: number): void {
    this.#book.change(() => countUsage(this.#book, usage, nowMs));
  }

  /** Takes a child run's budget from this one's; refused beyond what a session may. */
  dispatch(child: Child, nowMs: number): DispatchAnswer {
    let answer: DispatchAnswer | null = null;
    this.#book.change(() => {
      answer = this.#book.dispatches.add(this.#book, child, nowMs);
    });
    return answer ?? { allowed: false, code: 'dispatch_ended', reason: 'this run has ended' };
  }

  /** A tool call of a light run, for the ledger. */
  toolCalled(
    call: { id: string; name: string; input: string; output: string; isError: boolean },
    nowMs: number,
  ): void {
    this.#book.change(() => {
      const { record } = this;
      if (!record) return;
      const phase = call.isError ? 'failed' : 'succeeded';
      const input = call.input.slice(0, 4_096);
      const data = { id: call.id, name: call.name, phase, input, output: call.output.slice(0, 4_096) };
      const toolCalls = record.toolCalls + 1;
      this.#book.update({ toolCalls });
      this.ledger.add({ fence: record.fence, seq: toolCalls, at: nowMs, type: 'tool', data });
      const by = record.spec.group;
      this.#book.audit('tool', { by, name: call.name, phase, input: input.slice(0, 500) }, nowMs);
    });
  }

  /**
   * Takes what a runner tells, without gaps: an event beyond the next one is left with the runner. Answers
   * the highest sequence that is kept of the stream of the last event's fence.
   */
  receive(events: readonly RunnerEvent[], nowMs: number): number {
    if (events.length === 0) return 0;
    const ordered = [...events].sort((a, b) => a.fence - b.fence || a.seq - b.seq);
    this.#book.change(() => {
      for (const event of ordered) if (this.ledger.keep(event)) this.#events.apply(event, nowMs);
    });
    return this.ledger.acknowledged(events.at(-1)?.fence ?? 0);
  }

  /** `cancel`: its runner is told to stop as well. */
  end(end: RunEnd, nowMs: number, cancel: boolean): void {
    this.#book.change(() => this.#sessions.end(end, nowMs, cancel));
  }

  checkLease(nowMs: number): void {
    this.#book.change(() => this.#sessions.checkLease(nowMs));
  }

  loseLease(nowMs: number): void {
    this.#book.change(() => this.#sessions.loseLease(nowMs));
  }

  halt(nowMs: number): 'not_begun' | 'asked' {
    let answer: 'not_begun' | 'asked' = 'asked';
    this.#book.change(() => {
      answer = this.#sessions.halt(nowMs);
    });
    return answer;
  }

  stopped(nowMs: number): void {
    this.#book.change(() => this.#sessions.stopped(nowMs));
  }

  redact(order: RedactionOrder, transcripts: readonly string[], nowMs: number): void {
    this.#book.change(() => redactRun(this.#book, order, transcripts, nowMs));
  }

  wasLeasedTo(runner: string, fence: number): boolean {
    return this.record?.grants.some((one) => one.fence === fence && one.runner === runner) ?? false;
  }

  /** All that have or had it, or performed an intent of it. */
  runners(): string[] {
    const { grants = [], lentTo = [] } = this.record ?? {};
    return [...new Set([...grants.flatMap(({ runner }) => runner ?? []), ...lentTo])];
  }

  lend(runner: string): void {
    const { record } = this;
    if (record && !this.runners().includes(runner))
      this.#book.change(() => this.#book.update({ lentTo: [...record.lentTo, runner] }));
  }

  intent(id: string): Intent | null {
    return this.ledger.intents().find((intent) => intent.id === id) ?? null;
  }

  mayRead(sha256: string): boolean {
    if (this.record?.spec.artifacts.some((artifact) => artifact.sha256 === sha256)) return true;
    if (this.record?.checkpoint?.bundle?.sha256 === sha256) return true;
    return this.ledger
      .intents()
      .some(
        ({ body }) =>
          body.kind === 'push_fix' && (body.bundle.sha256 === sha256 || body.diff.sha256 === sha256),
      );
  }
}
