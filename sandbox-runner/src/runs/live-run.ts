import { readFile } from 'node:fs/promises';
import type { Artifact } from '../../../core/contracts/artifact.ts';
import type { RunEndReason, RunRequest } from '../../../core/contracts/run.ts';
import { clip } from '../../../core/text/plain.ts';
import type { Logger } from '../logger.ts';
import type { Sandbox, SandboxBackend, SandboxEnd, SandboxEvent } from '../sandbox.ts';
import type { ArtifactStore } from '../worker/artifact-store.ts';
import type { EventPayload, EventSpool } from '../worker/event-spool.ts';
import { type RunToolDeps, RunTools } from './run-tools.ts';

export interface LiveRunDeps extends RunToolDeps {
  backend: Pick<SandboxBackend, 'start' | 'runCommand'>;
  artifacts: Pick<ArtifactStore, 'put' | 'read'>;
  spool: Pick<EventSpool, 'append'>;
  logger: Logger;
  nowMs: () => number;
  /** Resolves when the agent image is there; rejects with cause and fix. */
  imageReady: () => Promise<unknown>;
}

/** Limits of the contract of events. */
const TOOL_TEXT_CHARS = 4_096;
const SAID_CHARS = 16_000;
const DETAIL_CHARS = 4_000;

type EventArguments = [payload: EventPayload, artifacts?: Artifact[]];

/** Why we ended a run; it outranks what the container says of its own end. */
interface Stop {
  reason: RunEndReason;
  detail: string;
}

/** One session from start to end: every happening becomes an event in the spool, the last one is `ended`. */
export class LiveRun {
  readonly request: RunRequest;
  readonly settled: Promise<RunEndReason>;
  readonly #deps: LiveRunDeps;
  readonly #tools: RunTools;
  readonly #startedAtMs: number;
  readonly #began = Promise.withResolvers<void>();
  /** What an eager agent did before we heard that it runs; null once that is told. */
  #early: EventArguments[] | null = [];
  #sandbox: Sandbox | null = null;
  #stop: Stop | null = null;
  #lastSignAtMs: number;

  constructor(request: RunRequest, deps: LiveRunDeps) {
    this.request = request;
    this.#deps = deps;
    this.#tools = new RunTools(request, deps);
    this.#startedAtMs = deps.nowMs();
    this.#lastSignAtMs = this.#startedAtMs;
    this.settled = this.#run();
  }

  /** Milliseconds without any sign of life; a tool that we are answering is a sign. */
  silentMs(): number {
    return this.#tools.busy || !this.#sandbox ? 0 : this.#deps.nowMs() - this.#lastSignAtMs;
  }

  stop(reason: RunEndReason, detail: string): void {
    if (this.#stop) return;
    this.#stop = { reason, detail };
    this.#kill();
  }

  #kill(): void {
    const reason = this.#stop?.reason === 'silent' ? 'timeout' : 'canceled';
    this.#sandbox?.kill(reason).catch((error: unknown) => {
      this.#deps.logger.error('a sandbox would not end', { run: this.request.id, error });
    });
  }

  async #run(): Promise<RunEndReason> {
    const end = await this.#session().catch((error: unknown): SandboxEnd => {
      this.#deps.logger.error('a run could not start', { run: this.request.id, error });
      const detail = error instanceof Error ? error.message : String(error);
      return { reason: 'start_failed', detail, turns: 0, durationMs: 0, transcriptPath: null };
    });
    return this.#end(end);
  }

  async #session(): Promise<SandboxEnd> {
    const { request } = this;
    await this.#deps.imageReady();
    if (this.#stop) throw new Error(this.#stop.detail);
    const { id: run, fence, group, model, budgetUsd, maxTurns, timeoutMs, charter, prompt } = request;
    const { workspace, identity, routes, credentials, tools } = request;
    const sandbox = await this.#deps.backend.start(
      {
        run,
        fence,
        group,
        model,
        budgetUsd,
        maxTurns,
        timeoutMs,
        charter,
        prompt,
        workspace,
        identity,
        routes,
        credentials,
        tools,
        mirror: () => this.#deps.remotes.withCommit(workspace, workspace.commit),
      },
      {
        onTool: async (call) => {
          this.#lastSignAtMs = this.#deps.nowMs();
          await this.#began.promise;
          return this.#tools.call(call);
        },
        onEvent: (event) => this.#onEvent(event),
        onUsage: (usage) => {
          this.#lastSignAtMs = this.#deps.nowMs();
          this.#append({ type: 'usage', data: usage });
        },
      },
    );
    this.#sandbox = sandbox;
    this.#lastSignAtMs = this.#deps.nowMs();
    const { imageTag: image, imageDigest, container } = sandbox;
    this.#begin([{ type: 'started', data: { image, imageDigest, container } }]);
    if (this.#stop) this.#kill();
    return sandbox.ended;
  }

  #begin(first: EventArguments | null): void {
    const early = this.#early ?? [];
    this.#early = null;
    for (const event of first ? [first, ...early] : early) this.#append(...event);
    this.#began.resolve();
  }

  #append(...event: EventArguments): void {
    if (this.#early) this.#early.push(event);
    else this.#deps.spool.append(this.request.id, this.request.fence, ...event);
  }

  #bounded(text: string | null): string | null {
    return text === null ? null : clip(this.#deps.redact(text), TOOL_TEXT_CHARS);
  }

  #onEvent(event: SandboxEvent): void {
    this.#lastSignAtMs = this.#deps.nowMs();
    if (event.type === 'turn') return;
    if (event.type === 'said')
      return this.#append({ type: 'said', data: { text: clip(this.#deps.redact(event.text), SAID_CHARS) } });
    const { id, name, phase, input, output, durationMs } = event;
    this.#append({
      type: 'tool',
      data: {
        id,
        name,
        phase,
        input: this.#bounded(input),
        output: this.#bounded(output),
        durationMs: durationMs === null ? null : Math.max(0, Math.round(durationMs)),
      },
    });
  }

  async #transcript(path: string | null): Promise<Artifact | null> {
    if (path === null) return null;
    try {
      const text = this.#deps.redact(await readFile(path, 'utf8'));
      if (text === '') return null;
      const bytes = new TextEncoder().encode(text);
      return await this.#deps.artifacts.put(
        this.request.id,
        'transcript.jsonl',
        'application/x-ndjson',
        bytes,
      );
    } catch (error) {
      this.#deps.logger.error('a transcript was not kept', { run: this.request.id, error });
      return null;
    }
  }

  async #end(end: SandboxEnd): Promise<RunEndReason> {
    this.#begin(null);
    const transcript = await this.#transcript(end.transcriptPath);
    const { reason, detail } = endOf(end, this.#stop, this.#tools.resultGiven);
    this.#append(
      {
        type: 'ended',
        data: {
          reason,
          detail: clip(this.#deps.redact(detail), DETAIL_CHARS),
          turns: end.turns,
          durationMs: Math.max(0, Math.round(end.durationMs || this.#deps.nowMs() - this.#startedAtMs)),
          transcript,
        },
      },
      transcript === null ? [] : [transcript],
    );
    return reason;
  }
}

/** How a run ended, from the container's word, our own deed, and whether there is a result. */
export function endOf(
  end: Pick<SandboxEnd, 'reason' | 'detail'>,
  stop: { reason: RunEndReason; detail: string } | null,
  resultGiven: boolean,
): { reason: RunEndReason; detail: string } {
  if (end.reason === 'completed')
    return resultGiven
      ? { reason: 'completed', detail: end.detail }
      : { reason: 'no_result', detail: end.detail || 'the session ended without a report' };
  if (stop && (end.reason === 'canceled' || end.reason === 'timeout' || end.reason === 'start_failed'))
    return stop;
  return { reason: end.reason, detail: end.detail };
}
