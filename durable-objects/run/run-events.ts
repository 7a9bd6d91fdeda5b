import type { Checkpoint } from '../../core/contracts/hand-off.ts';
import type { Intent } from '../../core/contracts/intents.ts';
import type { RunnerEvent } from '../../core/contracts/run.ts';
import { artifactRow, fixArtifacts } from '../shared/artifact-rows.ts';
import type { RunBook } from './run-book.ts';
import { countUsage } from './run-cost.ts';
import { decideEnd, type RunRecord } from './run-record.ts';
import type { RunSessions } from './run-sessions.ts';
import type { RunTalk } from './run-talk.ts';

/** Row C6. */
const OUT_OF_MEMORY_PAUSE_MS = 30 * 60_000;

/** What follows from what a runner tells. All of it runs inside a change of the book. */
export class RunEvents {
  readonly #book: RunBook;
  readonly #sessions: RunSessions;
  readonly #talk: RunTalk;

  constructor(book: RunBook, sessions: RunSessions, talk: RunTalk) {
    this.#book = book;
    this.#sessions = sessions;
    this.#talk = talk;
  }

  /** An older lease's events are paid for and kept, and decide nothing. */
  apply(event: RunnerEvent, nowMs: number): void {
    const book = this.#book;
    const { record } = book;
    if (!record) return;
    if (event.type === 'usage') return countUsage(book, event.data, nowMs);
    const isCurrent = event.fence === record.fence;
    if (event.type === 'ended' && event.data.transcript)
      book.projections.add(artifactRow(event.data.transcript, 'transcript', book.provenance(event.at)));
    if (isCurrent && event.type === 'ended')
      book.update({ turns: event.data.turns, transcript: event.data.transcript });
    if (!isCurrent || record.status === 'ended') return;
    const by = record.spec.group;
    switch (event.type) {
      case 'started':
        book.update({ image: event.data.image, imageDigest: event.data.imageDigest });
        this.startedBy(record, event.at);
        return this.#talk.catchUp(event.fence, event.at);
      case 'message_given':
        return this.#talk.given(event.data.message, event.at);
      case 'tool': {
        const { name, phase, input, durationMs } = event.data;
        book.update({ toolCalls: record.toolCalls + (phase === 'requested' ? 1 : 0) });
        const data = { by, name, phase, input: input?.slice(0, 500) ?? null, durationMs };
        return book.audit('tool', data, event.at);
      }
      case 'intent':
        return this.#takeIntent(event.data, event.at);
      case 'intent_refused':
        return book.audit('intent_refused', { by, ...event.data }, event.at);
      case 'host_command':
        return book.audit('host_command', { by, ...event.data }, event.at);
      case 'result':
        return book.update({ reported: { value: event.data.value } });
      case 'alert':
        return book.alert(event.data.rule, event.data.text, event.at);
      case 'checkpoint':
        this.#keep(event.data, event.fence);
        return book.audit('checkpoint', { by, ...event.data }, event.at);
      case 'ended':
        return this.#sessionEnded(record, event.data, nowMs);
      case 'said':
        return;
    }
  }

  startedBy({ spec, fence, model, startedAt }: RunRecord, at: number): void {
    this.#book.update({ status: 'running', startedAt: startedAt ?? at });
    this.#book.audit('run_started', { by: spec.group, fence, model }, at);
    this.#book.tell(`started:${fence}`, { type: 'run_started', data: { run: spec.run, fence, model } }, at);
  }

  #sessionEnded(
    { fence, spec, reported }: RunRecord,
    ended: Extract<RunnerEvent, { type: 'ended' }>['data'],
    nowMs: number,
  ): void {
    if (ended.reason === 'out_of_memory') {
      const body = JSON.stringify({ until: nowMs + OUT_OF_MEMORY_PAUSE_MS });
      this.#book.outbox.add({ key: `back_off:${fence}`, kind: 'back_off', lane: 'start', body }, nowMs);
      const text = `A session ran out of memory; ${spec.group} pauses for 30 minutes.`;
      this.#book.alert('out_of_memory', text, nowMs);
    }
    if (this.#sessions.goOn(ended.reason, ended.detail, nowMs)) return;
    this.#sessions.end(decideEnd(spec.purpose, reported, ended), nowMs, false);
  }

  /** What the machinery keeps between two hand-offs does not unsay what the agent wrote. */
  #keep(checkpoint: Checkpoint, fence: number): void {
    const handOff = checkpoint.handOff ?? this.#book.record?.checkpoint?.handOff ?? null;
    this.#book.update({ checkpoint: { ...checkpoint, handOff }, checkpointFence: fence });
  }

  #takeIntent(intent: Intent, at: number): void {
    const book = this.#book;
    const { record } = book;
    if (!record || intent.run !== record.spec.run || intent.fence !== record.fence) return;
    book.ledger.addIntent(intent);
    const { id, body, digest } = intent;
    if (body.kind === 'push_fix') book.projections.add(...fixArtifacts(body, book.provenance(at)));
    const by = record.spec.group;
    book.audit('intent', { by, intent: id, kind: body.kind, ...aimOf(body), digest }, at);
    if (body.kind === 'push_fix') book.tell(`intent:${id}`, { type: 'intent_submitted', data: intent }, at);
    else if (record.rerun === null)
      book.outbox.add({ key: `file:${id}`, kind: 'file_request', lane: 'incident', body: id }, at);
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
