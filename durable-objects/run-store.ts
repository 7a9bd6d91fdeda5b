import type { Checkpoint } from '../core/contracts/hand-off.ts';
import { derivedId } from '../core/contracts/ids.ts';
import type { Intent } from '../core/contracts/intents.ts';
import { MAX_MESSAGE_CHARS, type RunEndReason, type RunnerEvent } from '../core/contracts/run.ts';
import type { Usage } from '../core/contracts/usage.ts';
import { dayOf, isNearly } from '../core/cost/caps.ts';
import { costOf } from '../core/cost/prices.ts';
import { usd } from '../core/cost/usd.ts';
import { decideNextSession } from '../core/governors/sessions.ts';
import type { RunSpec } from '../core/loops/effects.ts';
import type { LoopEvent } from '../core/loops/index.ts';
import { clip } from '../core/text/plain.ts';
import type { SessionMessage } from '../core/text/session-message.ts';
import { artifactRow, fixArtifacts, type Provenance } from './artifact-rows.ts';
import { Journal, sha256Bytes } from './journal.ts';
import { auditRowOf } from './journal-audit.ts';
import { migrate } from './migrate.ts';
import { Outbox, type OutboxItem } from './outbox.ts';
import type { Failure } from './outbox-drain.ts';
import { ProjectionQueue } from './projection.ts';
import type { SteerAnswer } from './rpc.ts';
import { RunLedger } from './run-ledger.ts';
import { RunMessages } from './run-messages.ts';
import { runMigrations } from './run-migrations.ts';
import { decideEnd, endEvent, newRecord, parseRecord, type RunEnd, type RunRecord } from './run-record.ts';
import { runRow } from './run-rows.ts';
import type { Sql } from './sql.ts';

/** A container may be slow to start and to be taken down; the runner's own clock is the first to act. */
const DEADLINE_GRACE_MS = 20 * 60_000;
/** A lease that was lost while we were away revives with the next heartbeat: runners try every 5 s, report every 30 s. */
const REVIVE_WITHIN_MS = 45_000;
/** Row C6. */
const OUT_OF_MEMORY_PAUSE_MS = 30 * 60_000;
/** More than a person says to one run; all of them go into the prompt of its next session. */
const MAX_MESSAGES = 20;

/** More of them would hide a runner that begins nothing, or ends whatever it is given. */
const MAX_EXCUSED_SESSIONS = 20;

export interface Lease {
  fence: number;
  runner: string | null;
}

/** One run: what was asked, what its runner told, what it cost, how it ended. */
export class RunStore {
  readonly outbox: Outbox;
  readonly projections: ProjectionQueue;
  readonly ledger: RunLedger;
  readonly messages: RunMessages;
  readonly #sql: Sql;
  readonly #changed: () => void;
  #journal: Journal | null = null;
  #record: RunRecord | null = null;

  constructor(sql: Sql, changed: () => void) {
    migrate(sql, runMigrations);
    this.#sql = sql;
    this.#changed = changed;
    this.outbox = new Outbox(sql);
    this.projections = new ProjectionQueue(sql);
    this.ledger = new RunLedger(sql);
    this.messages = new RunMessages(sql);
  }

  get record(): RunRecord | null {
    if (this.#record === null) {
      const row = this.#sql.all<{ record: string }>('SELECT record FROM run')[0];
      if (row) this.#record = parseRecord(row.record);
    }
    return this.#record;
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
    this.#change(() => {
      this.#write({ ...newRecord(spec, model, budgetMicroUsd, nowMs), rerun });
      this.#audit('run_requested', { by: spec.group, purpose: spec.purpose, kind: spec.kind, model }, nowMs);
      this.#askForLease(nowMs);
    });
    return true;
  }

  queued(): void {
    this.#change(() => {
      this.#leaseAnswered();
      if (this.record?.status === 'requested') this.#update({ status: 'waiting' });
    });
  }

  /** The pool gave a slot; false when the run cannot use it any more, or has it already. */
  leased(lease: Lease, timeoutMs: number, nowMs: number): boolean {
    const { record } = this;
    const usable = record !== null && record.status !== 'ended' && lease.fence > record.fence;
    this.#change(() => {
      this.#leaseAnswered();
      if (!record || !usable) {
        if (record?.status === 'ended' && lease.fence > record.fence) this.#release(lease.fence, nowMs);
        return;
      }
      const sessions = record.sessions + 1;
      this.#update({
        ...lease,
        grants: [...record.grants, lease],
        sessions,
        tries: 0,
        status: 'leased',
        deadlineAt: nowMs + timeoutMs + DEADLINE_GRACE_MS,
      });
      if (record.spec.kind === 'heavy') {
        this.messages.putIntoPrompt(lease.fence);
        this.outbox.add({ key: `start:${lease.fence}`, kind: 'start', lane: 'start', body: '' }, nowMs);
      }
    });
    return usable;
  }

  /** A message for the next turn of its model, once by its id. `ended`: there is none, or it has given its result. */
  steer(message: SessionMessage, nowMs: number): SteerAnswer {
    const { record } = this;
    if (record === null) return 'not_started';
    const known = this.messages.get(message.id);
    if (known?.seenAt) return 'accepted';
    if (record.status === 'ended' || record.reported !== null || record.rerun !== null) return 'ended';
    if (known !== null) return 'accepted';
    if (this.messages.all().length >= MAX_MESSAGES) return 'ended';
    this.#change(() => {
      this.messages.add({ ...message, text: clip(message.text, MAX_MESSAGE_CHARS) });
      this.#audit('message_taken', { by: message.from, message: message.id }, nowMs);
      if (record.spec.kind === 'heavy' && record.status === 'running')
        this.#sendMessage(message.id, record.fence, nowMs);
    });
    return 'accepted';
  }

  /** The model of a light run is given these with its next call. */
  given(ids: readonly string[], nowMs: number): void {
    this.#change(() => {
      for (const id of ids) this.#messageGiven(id, nowMs);
    });
  }

  /** A light run begins, or begins again after its isolate died. */
  beginTry(nowMs: number): void {
    this.#change(() => {
      const { record } = this;
      if (!record) return;
      if (record.status !== 'running') this.#startedBy(record, nowMs);
      this.#update({ tries: record.tries + 1 });
    });
  }

  done(key: string): void {
    this.#change(() => this.outbox.done(key));
  }

  /** True when the item died of it. */
  fail(key: string, failure: Failure): boolean {
    let isDead = false;
    this.#change(() => {
      isDead = this.outbox.fail(key, failure).kind === 'dead';
      if (isDead) this.#bury(key, failure.error, failure.nowMs);
    });
    return isDead;
  }

  retry(key: string, nowMs: number): boolean {
    let revived = false;
    this.#change(() => {
      const item = this.outbox.get(key);
      revived = this.outbox.revive(key, nowMs);
      if (item && revived) this.#deadLetter(item, item.error ?? '', 'replayed', nowMs);
    });
    return revived;
  }

  addUsage(usage: Usage, nowMs: number): void {
    this.#change(() => this.#count(usage, nowMs));
  }

  /** A tool call of a light run, for the ledger. */
  toolCalled(
    call: { id: string; name: string; input: string; output: string; isError: boolean },
    nowMs: number,
  ): void {
    this.#change(() => {
      const { record } = this;
      if (!record) return;
      const phase = call.isError ? 'failed' : 'succeeded';
      const input = call.input.slice(0, 4_096);
      const data = { id: call.id, name: call.name, phase, input, output: call.output.slice(0, 4_096) };
      const toolCalls = record.toolCalls + 1;
      this.#update({ toolCalls });
      this.ledger.add({ fence: record.fence, seq: toolCalls, at: nowMs, type: 'tool', data });
      this.#audit(
        'tool',
        { by: record.spec.group, name: call.name, phase, input: input.slice(0, 500) },
        nowMs,
      );
    });
  }

  /**
   * Takes what a runner tells, without gaps: an event beyond the next one is left with the runner. Answers
   * the highest sequence that is kept of the stream of the last event's fence.
   */
  receive(events: readonly RunnerEvent[], nowMs: number): number {
    if (events.length === 0) return 0;
    const ordered = [...events].sort((a, b) => a.fence - b.fence || a.seq - b.seq);
    this.#change(() => {
      for (const event of ordered) if (this.ledger.keep(event)) this.#apply(event, nowMs);
    });
    return this.ledger.acknowledged(events.at(-1)?.fence ?? 0);
  }

  /** Ends the run, once, and tells its incident. `cancel`: its runner is told to stop as well. */
  end(end: RunEnd, nowMs: number, cancel: boolean): void {
    this.#change(() => this.#end(end, nowMs, cancel));
  }

  checkLease(nowMs: number): void {
    const { record } = this;
    if (record?.spec.kind !== 'heavy' || (record.status !== 'leased' && record.status !== 'running')) return;
    this.#change(() => {
      const dueAt = nowMs + REVIVE_WITHIN_MS;
      this.outbox.add({ key: `check:${nowMs}`, kind: 'check_lease', lane: null, body: '' }, dueAt);
    });
  }

  /** Its runner fell silent for good: the work is done once more, elsewhere, from where it was kept. */
  loseLease(nowMs: number): void {
    this.#change(() => {
      const { record } = this;
      if (!record || record.status === 'ended') return;
      this.#cancelAtRunner('its lease was lost', nowMs);
      const detail = 'its runner fell silent';
      if (!this.#goOn('interrupted', detail, nowMs))
        this.#end({ ok: false, reason: 'lease_lost', detail }, nowMs, false);
    });
  }

  /**
   * Everything was stopped. `not_begun`: it never came to a runner and waits anew; `asked`: its runner has to
   * end it, and what it tells then lets the run wait anew.
   */
  halt(nowMs: number): 'not_begun' | 'asked' {
    const { fence = 0, status } = this.record ?? {};
    const start = this.outbox.get(`start:${fence}`);
    const isBegun = status === 'running' || start?.tries !== 0;
    this.#change(() => {
      this.#update({ haltedFence: fence });
      if (isBegun) return;
      this.outbox.done(`start:${fence}`);
      this.#stopped(nowMs);
    });
    return isBegun ? 'asked' : 'not_begun';
  }

  /** Its session was ended because everything was: it waits anew, and its loop hears nothing. */
  stopped(nowMs: number): void {
    this.#change(() => this.#stopped(nowMs));
  }

  #stopped(nowMs: number): void {
    const detail = 'everything was stopped';
    if (!this.#goOn('canceled', detail, nowMs))
      this.#end({ ok: false, reason: 'canceled', detail }, nowMs, false);
  }

  wasLeasedTo(runner: string, fence: number): boolean {
    return this.record?.grants.some((one) => one.fence === fence && one.runner === runner) ?? false;
  }

  runners(): string[] {
    const { grants = [], lentTo = [] } = this.record ?? {};
    return [...new Set([...grants.flatMap(({ runner }) => runner ?? []), ...lentTo])];
  }

  lend(runner: string): void {
    const { record } = this;
    if (record && !this.runners().includes(runner))
      this.#change(() => this.#update({ lentTo: [...record.lentTo, runner] }));
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

  #apply(event: RunnerEvent, nowMs: number): void {
    const { record } = this;
    if (!record) return;
    if (event.type === 'usage') return this.#count(event.data, nowMs);
    const isCurrent = event.fence === record.fence;
    if (event.type === 'ended' && event.data.transcript)
      this.projections.add(artifactRow(event.data.transcript, 'transcript', this.#provenance(event.at)));
    if (isCurrent && event.type === 'ended')
      this.#update({ turns: event.data.turns, transcript: event.data.transcript });
    if (!isCurrent || record.status === 'ended') return;
    switch (event.type) {
      case 'started':
        this.#update({ image: event.data.image, imageDigest: event.data.imageDigest });
        this.#startedBy(record, event.at);
        return this.#catchUp(event.fence, event.at);
      case 'message_given':
        return this.#messageGiven(event.data.message, event.at);
      case 'tool': {
        const { name, phase, input, durationMs } = event.data;
        this.#update({ toolCalls: record.toolCalls + (phase === 'requested' ? 1 : 0) });
        const data = { by: record.spec.group, name, phase, input: input?.slice(0, 500) ?? null, durationMs };
        return this.#audit('tool', data, event.at);
      }
      case 'intent':
        return this.#takeIntent(event.data, event.at);
      case 'intent_refused':
        return this.#audit('intent_refused', { by: record.spec.group, ...event.data }, event.at);
      case 'host_command':
        return this.#audit('host_command', { by: record.spec.group, ...event.data }, event.at);
      case 'result':
        return this.#update({ reported: { value: event.data.value } });
      case 'alert':
        return this.#alert(event.data.rule, event.data.text, event.at);
      case 'checkpoint':
        this.#keep(event.data, event.fence);
        return this.#audit('checkpoint', { by: record.spec.group, ...event.data }, event.at);
      case 'ended':
        return this.#sessionEnded(record, event.data, nowMs);
      case 'said':
        return;
    }
  }

  #sessionEnded(
    record: RunRecord,
    ended: Extract<RunnerEvent, { type: 'ended' }>['data'],
    nowMs: number,
  ): void {
    if (ended.reason === 'out_of_memory') {
      const until = nowMs + OUT_OF_MEMORY_PAUSE_MS;
      const body = JSON.stringify({ until });
      this.outbox.add({ key: `back_off:${record.fence}`, kind: 'back_off', lane: 'start', body }, nowMs);
      this.#alert(
        'out_of_memory',
        `A session ran out of memory; ${record.spec.group} pauses for 30 minutes.`,
        nowMs,
      );
    }
    if (this.#goOn(ended.reason, ended.detail, nowMs)) return;
    this.#end(decideEnd(record.spec.purpose, record.reported, ended), nowMs, false);
  }

  /** What the machinery keeps between two hand-offs does not unsay what the agent wrote. */
  #keep(checkpoint: Checkpoint, fence: number): void {
    const handOff = checkpoint.handOff ?? this.record?.checkpoint?.handOff ?? null;
    this.#update({ checkpoint: { ...checkpoint, handOff }, checkpointFence: fence });
  }

  /** Begins a fresh session of the same run under the next lease; false when this end is the run's end. */
  #goOn(reason: RunEndReason, detail: string, nowMs: number): boolean {
    const { record } = this;
    if (!record) return false;
    const hasResult = record.reported !== null;
    const newCheckpoint = record.checkpointFence === record.fence;
    const left = (record.budgetMicroUsd ?? Number.POSITIVE_INFINITY) - record.costMicroUsd;
    // Only a stop of everything cancels a session of a run that goes on.
    const isExcused = reason === 'canceled' || record.status === 'leased';
    const excusedSessions = record.excusedSessions + (isExcused ? 1 : 0);
    const sessions = record.sessions - Math.min(excusedSessions, MAX_EXCUSED_SESSIONS);
    if (decideNextSession({ reason, hasResult, newCheckpoint }, sessions, left) === 'end') return false;
    this.#audit('session_ended', { by: record.spec.group, fence: record.fence, reason, detail }, nowMs);
    this.#release(record.fence, nowMs, 'start');
    this.#update({ status: 'requested', deadlineAt: null, excusedSessions });
    this.#askForLease(nowMs);
    return true;
  }

  /** In one lane with the release of the lease before: the pool gives a run only one. */
  #askForLease(nowMs: number): void {
    this.outbox.add({ key: this.#leaseKey(), kind: 'lease', lane: 'start', body: '' }, nowMs);
  }

  #leaseAnswered(): void {
    this.outbox.done(this.#leaseKey());
  }

  #leaseKey(): string {
    const sessions = this.record?.sessions ?? 0;
    return sessions === 0 ? 'lease' : `lease:${sessions}`;
  }

  /** Once per run and rule. */
  #alert(rule: string, text: string, at: number): void {
    const key = `alert:${rule}`;
    if (this.outbox.get(key)) return;
    this.#audit('alert', { by: this.record?.spec.group, rule, text }, at);
    this.outbox.add({ key, kind: 'alert', lane: null, body: JSON.stringify({ rule, text }) }, at);
  }

  #cancelAtRunner(reason: string, nowMs: number): void {
    const { runner = null, fence = 0 } = this.record ?? {};
    if (runner === null || fence === 0) return;
    const body = JSON.stringify({ runner, fence, reason });
    this.outbox.add({ key: `cancel:${fence}`, kind: 'cancel', lane: null, body }, nowMs);
  }

  #takeIntent(intent: Intent, at: number): void {
    const { record } = this;
    if (!record || intent.run !== record.spec.run || intent.fence !== record.fence) return;
    this.ledger.addIntent(intent);
    const { body } = intent;
    if (body.kind === 'push_fix') this.projections.add(...fixArtifacts(body, this.#provenance(at)));
    this.#audit(
      'intent',
      { by: record.spec.group, intent: intent.id, kind: body.kind, ...aimOf(body), digest: intent.digest },
      at,
    );
    if (body.kind === 'push_fix')
      this.#tell(`intent:${intent.id}`, { type: 'intent_submitted', data: intent }, at);
    else if (record.rerun === null)
      this.outbox.add(
        { key: `file:${intent.id}`, kind: 'file_request', lane: 'incident', body: intent.id },
        at,
      );
  }

  #startedBy({ spec, fence, model, startedAt }: RunRecord, at: number): void {
    this.#update({ status: 'running', startedAt: startedAt ?? at });
    this.#audit('run_started', { by: spec.group, fence, model }, at);
    this.#tell(`started:${fence}`, { type: 'run_started', data: { run: spec.run, fence, model } }, at);
  }

  /** A session has begun: with what was in its prompt; what came since then is sent after it. */
  #catchUp(fence: number, at: number): void {
    for (const { id, promptFence } of this.messages.all())
      if (promptFence === fence) this.#messageGiven(id, at);
      else this.#sendMessage(id, fence, at);
  }

  #sendMessage(message: string, fence: number, nowMs: number): void {
    const body = JSON.stringify({ message, fence });
    const key = `message:${message}:${fence}`;
    this.outbox.add({ key, kind: 'message', lane: `message:${fence}`, body }, nowMs);
  }

  /** Before the incident hears of the run's end, so that its group knows what was read. */
  #messageGiven(id: string, at: number): void {
    if (this.messages.get(id)?.seenAt !== null) return;
    this.messages.markSeen(id, at);
    this.#audit('message_given', { by: this.record?.spec.group, message: id }, at);
    const body = JSON.stringify({ message: id, at });
    this.outbox.add({ key: `seen:${id}`, kind: 'seen', lane: 'incident', body }, at);
  }

  #end(end: RunEnd, nowMs: number, cancel: boolean): void {
    const { record } = this;
    if (!record || record.status === 'ended') return;
    const reason = end.ok ? 'completed' : end.reason;
    const detail = end.ok ? null : end.detail;
    this.#update({ status: 'ended', endedAt: nowMs, endReason: reason, endDetail: detail });
    const { costMicroUsd, fence, model, toolCalls, turns } = record;
    this.#audit(
      'run_ended',
      { by: record.spec.group, reason, detail, model, toolCalls, turns, costMicroUsd },
      nowMs,
    );
    this.#tell('ended', endEvent(record, end), nowMs);
    this.#release(fence, nowMs);
    if (cancel) this.#cancelAtRunner(detail ?? reason, nowMs);
    if (!end.ok && end.invalid !== undefined) this.#buryResult(end.invalid, end.detail, nowMs);
  }

  #release(fence: number, nowMs: number, lane: 'start' | null = null): void {
    const body = JSON.stringify({ fence });
    this.outbox.add({ key: `release:${fence}`, kind: 'release', lane, body }, nowMs);
  }

  /** Tells the incident, in order; of a rerun it hears nothing, so that nothing comes of it. */
  #tell(name: string, event: LoopEvent, nowMs: number): void {
    if (this.record?.rerun) return;
    const run = this.record?.spec.run ?? '';
    const id = derivedId('evt', sha256Bytes(`${run}/${name}`));
    const body = JSON.stringify({ id, event });
    this.outbox.add({ key: `incident:${name}`, kind: 'incident', lane: 'incident', body }, nowMs);
  }

  /** Each to its own day, but to none before the run or after now, whatever its runner's clock says. */
  #count(usage: Usage, nowMs: number): void {
    const { record } = this;
    if (!record) return;
    const { microUsd, known, priceVersion } = costOf(usage);
    if (!this.ledger.count(usage.requestId, microUsd)) return;
    const before = record.costMicroUsd;
    const costMicroUsd = before + microUsd;
    const day = dayOf(Math.min(nowMs, Math.max(record.requestedAt, usage.at)));
    const spentByDay = { ...record.spentByDay, [day]: (record.spentByDay[day] ?? 0) + microUsd };
    this.#update({ costMicroUsd, spentByDay });
    if (!this.outbox.hasUntried('spent'))
      this.outbox.add({ key: `spent:${costMicroUsd}`, kind: 'spent', lane: null, body: '' }, nowMs);
    const budget = record.budgetMicroUsd;
    if (budget !== null && isNearly(costMicroUsd, budget) && !isNearly(before, budget))
      this.#alert('budget', `Its run has used ${usd(costMicroUsd)} of its ${usd(budget)}.`, nowMs);
    const { run, group, incident } = record.spec;
    this.projections.add({
      table: 'costs',
      row: { ...usage, run, group, thread: incident, incident, microUsd, priceVersion, priceKnown: known },
    });
  }

  #bury(key: string, error: string, at: number): void {
    const item = this.outbox.get(key);
    if (item) this.#deadLetter(item, error, 'dead', at);
  }

  #buryResult(value: unknown, error: string, at: number): void {
    const body = JSON.stringify(value).slice(0, 100_000);
    this.#deadLetter({ key: 'result', kind: 'invalid_result', tries: 1, body }, error, 'dead', at);
  }

  #deadLetter(
    { key, kind, tries, body }: Pick<OutboxItem, 'key' | 'kind' | 'tries' | 'body'>,
    error: string,
    state: 'dead' | 'replayed',
    at: number,
  ): void {
    const { run = '', incident = null } = this.record?.spec ?? {};
    this.projections.add({
      table: 'dead_letters',
      row: {
        id: `${run}:${key}`,
        seq: at,
        objectType: 'run',
        object: run,
        key,
        kind,
        incident,
        state,
        tries,
        error,
        body,
        at,
      },
    });
  }

  #provenance(at: number): Provenance {
    const { run = '', incident = null } = this.record?.spec ?? {};
    return { producedBy: run, incident, run, at };
  }

  #update(change: Partial<RunRecord>): void {
    if (this.record) this.#write(Object.assign(this.record, change));
  }

  #write(record: RunRecord): void {
    this.#record = record;
    this.#sql.run('INSERT OR REPLACE INTO run (one, record) VALUES (1, ?)', JSON.stringify(record));
  }

  #audit(type: string, data: Record<string, unknown>, at: number): void {
    const { run = '', incident = null } = this.record?.spec ?? {};
    this.#journal ??= new Journal(this.#sql, run);
    const line = this.#journal.append({ at, type, v: 1, data: { ...data, incident } });
    this.projections.add(auditRowOf(line, run));
  }

  /** One transaction; the run's row in D1 follows when it differs. */
  #change(work: () => void): void {
    const before = this.record === null ? null : JSON.stringify(runRow(this.record));
    const deadlineBefore = deadlineOf(this.record);
    try {
      this.#sql.transaction(() => {
        work();
        this.#project(before);
        this.#projectDeadline(deadlineBefore);
        this.#changed();
      });
    } catch (error) {
      this.#record = null;
      this.#journal?.forget();
      throw error;
    }
  }

  #project(before: string | null): void {
    if (this.record === null || JSON.stringify(runRow(this.record)) === before) return;
    this.#update({ version: this.record.version + 1 });
    this.projections.add({ table: 'runs', row: runRow(this.record) });
  }

  #projectDeadline(before: number | null): void {
    const dueAt = deadlineOf(this.record);
    if (this.record === null || dueAt === before) return;
    const { spec, version: seq } = this.record;
    this.projections.add({
      table: 'timers',
      row: { objectType: 'run', object: spec.run, name: 'deadline', seq, dueAt },
    });
  }
}

/** What the audit log says of an intent besides its digest. */
function aimOf(body: Intent['body']): Record<string, unknown> {
  switch (body.kind) {
    case 'push_fix':
      return { ref: body.ref, commit: body.commit };
    case 'host_command':
      return { host: body.host, argv: body.argv };
    case 'admin_request':
      return { title: body.title };
  }
}

const deadlineOf = (record: RunRecord | null): number | null =>
  record === null || record.status === 'ended' ? null : record.deadlineAt;
