import { mkdirSync, readdirSync, readFileSync, rmSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { type Artifact, artifactSchema } from '../../../core/contracts/artifact.ts';
import { type RunnerEvent, runnerEventSchema } from '../../../core/contracts/run.ts';
import { costMicroUsd } from '../../../core/cost/prices.ts';
import { appendDurably, completeLines } from '../durable-file.ts';

type Payload<E> = E extends { type: infer T; data: infer D } ? { type: T; data: D } : never;
/** A runner event before it has its place in the sequence. */
export type EventPayload = Payload<RunnerEvent>;

export interface SpooledEvent {
  event: RunnerEvent;
  /** What the event names; it must have arrived before the event does. */
  artifacts: Artifact[];
}

const lineSchema = z.union([
  z.object({ event: runnerEventSchema, artifacts: z.array(artifactSchema) }),
  z.object({ acknowledged: z.number().int() }),
]);

/** What was told of a session so far; an earlier process may have told it. */
export interface Told {
  started: boolean;
  resultGiven: boolean;
  fixAccepted: boolean;
  /** Ids of the requests that were filed. */
  requests: string[];
  /** Ids of the messages that the model was given. */
  messagesGiven: string[];
  spentMicroUsd: number;
}

const nothingTold = (): Told => ({
  started: false,
  resultGiven: false,
  fixAccepted: false,
  requests: [],
  messagesGiven: [],
  spentMicroUsd: 0,
});

class Stream {
  readonly run: string;
  readonly fence: number;
  readonly path: string;
  pending: SpooledEvent[] = [];
  lastSeq = 0;
  told: Told = nothingTold();
  ended = false;

  constructor(run: string, fence: number, path: string) {
    this.run = run;
    this.fence = fence;
    this.path = path;
  }

  take(spooled: SpooledEvent): void {
    this.pending.push(spooled);
    this.lastSeq = spooled.event.seq;
    const { event } = spooled;
    this.ended ||= event.type === 'ended';
    this.told.started ||= event.type === 'started';
    this.told.resultGiven ||= event.type === 'result';
    if (event.type === 'intent') {
      if (event.data.body.kind === 'push_fix') this.told.fixAccepted = true;
      if (event.data.body.kind === 'admin_request') this.told.requests.push(event.data.id);
    }
    if (event.type === 'message_given') this.told.messagesGiven.push(event.data.message);
    if (event.type === 'usage') this.told.spentMicroUsd += costMicroUsd(event.data);
  }

  acknowledge(seq: number): void {
    this.pending = this.pending.filter(({ event }) => event.seq > seq);
  }
}

/**
 * What happened in each run, one append-only file per run and fence, until the Worker has it. An event is on
 * the disk before `append` returns; sequences have no gaps; a stream is forgotten once it has ended and all
 * of it is acknowledged.
 */
export class EventSpool {
  readonly #folder: string;
  readonly #nowMs: () => number;
  readonly #streams = new Map<string, Stream>();
  /** Told of each append: there is something to deliver. */
  onAppend: () => void = () => {};
  /** Told when the last of a run was acknowledged. */
  onForgotten: (run: string, fence: number) => void = () => {};

  constructor(folder: string, nowMs: () => number) {
    this.#folder = folder;
    this.#nowMs = nowMs;
    mkdirSync(folder, { recursive: true });
    for (const name of readdirSync(folder).sort()) this.#load(name);
  }

  #load(name: string): void {
    const parts = /^(run_[0-9A-Z]{26})\.(\d+)\.jsonl$/.exec(name);
    if (!parts?.[1] || !parts[2]) return;
    const stream = new Stream(parts[1], Number(parts[2]), join(this.#folder, name));
    const text = readFileSync(stream.path, 'utf8');
    const { lines, torn } = completeLines(text);
    // A torn line was never acknowledged to anyone: what comes next must not be glued to it.
    if (torn) truncateSync(stream.path, Buffer.byteLength(text.slice(0, text.lastIndexOf('\n') + 1)));
    for (const line of lines) {
      const entry = lineSchema.parse(JSON.parse(line));
      if ('event' in entry) stream.take(entry);
      else stream.acknowledge(entry.acknowledged);
    }
    this.#streams.set(`${stream.run}.${stream.fence}`, stream);
    this.#forgetIfDone(stream);
  }

  #forgetIfDone(stream: Stream): void {
    if (!stream.ended || stream.pending.length > 0) return;
    this.#streams.delete(`${stream.run}.${stream.fence}`);
    rmSync(stream.path, { force: true });
    this.onForgotten(stream.run, stream.fence);
  }

  /** Gives the event the next sequence of its run and fence. Null after `ended`: nothing follows an end. */
  append(run: string, fence: number, payload: EventPayload, artifacts: Artifact[] = []): RunnerEvent | null {
    const key = `${run}.${fence}`;
    let stream = this.#streams.get(key);
    if (!stream) {
      stream = new Stream(run, fence, join(this.#folder, `${key}.jsonl`));
      this.#streams.set(key, stream);
    }
    if (stream.ended) return null;
    const event = runnerEventSchema.parse({
      run,
      fence,
      seq: stream.lastSeq + 1,
      at: this.#nowMs(),
      ...payload,
    });
    const spooled = { event, artifacts };
    appendDurably(stream.path, JSON.stringify(spooled));
    stream.take(spooled);
    this.onAppend();
    return event;
  }

  /** The oldest unacknowledged events in order, of one fence per run, so that an acknowledgement is unambiguous. */
  pending(limit: number, maxBytes: number): SpooledEvent[] {
    const batch: SpooledEvent[] = [];
    const chosen = new Set<string>();
    let bytes = 0;
    for (const stream of [...this.#streams.values()].sort((a, b) => a.fence - b.fence)) {
      if (stream.pending.length === 0 || chosen.has(stream.run)) continue;
      chosen.add(stream.run);
      for (const spooled of stream.pending) {
        bytes += JSON.stringify(spooled.event).length;
        if (batch.length >= limit || (bytes > maxBytes && batch.length > 0)) return batch;
        batch.push(spooled);
      }
    }
    return batch;
  }

  /** `fence`: of the events that were sent. */
  acknowledge(run: string, fence: number, seq: number): void {
    const stream = this.#streams.get(`${run}.${fence}`);
    if (!stream) return;
    const upTo = Math.min(seq, stream.lastSeq);
    if (stream.pending.some(({ event }) => event.seq <= upTo))
      appendDurably(stream.path, JSON.stringify({ acknowledged: upTo }));
    stream.acknowledge(upTo);
    this.#forgetIfDone(stream);
  }

  told(run: string, fence: number): Told {
    return structuredClone(this.#streams.get(`${run}.${fence}`)?.told ?? nothingTold());
  }

  /** Runs of which something is still to be told. */
  runs(): Set<string> {
    return new Set([...this.#streams.values()].map(({ run }) => run));
  }

  get size(): number {
    let size = 0;
    for (const stream of this.#streams.values()) size += stream.pending.length;
    return size;
  }
}
