import { readFile } from 'node:fs/promises';
import type { Artifact } from '../../../core/contracts/artifact.ts';
import type { RunEndReason, RunMessage, RunRequest } from '../../../core/contracts/run.ts';
import { backoffMs } from '../../../core/outbox/backoff.ts';
import { clip } from '../../../core/text/plain.ts';
import type { Logger } from '../logger.ts';
import type {
  EventAnswer,
  Sandbox,
  SandboxBackend,
  SandboxEnd,
  SandboxEvent,
  SandboxHandlers,
  SandboxSpec,
} from '../sandbox.ts';
import type { ArtifactStore, FetchedArtifact } from '../worker/artifact-store.ts';
import type { EventSpool, Told } from '../worker/event-spool.ts';
import { WorkerError } from '../worker/worker-client.ts';
import type { MessageStore } from './message-store.ts';
import { type RunToolDeps, RunTools } from './run-tools.ts';
import { type EventArguments, SessionEvents } from './session-events.ts';
import { SessionMessages } from './session-messages.ts';
import { SessionWatch } from './session-watch.ts';

export interface LiveRunDeps extends RunToolDeps {
  backend: Pick<SandboxBackend, 'start' | 'takeBack' | 'runCommand'>;
  artifacts: Pick<ArtifactStore, 'put' | 'read'>;
  spool: Pick<EventSpool, 'append' | 'told'>;
  messages: Pick<MessageStore, 'of' | 'put'>;
  logger: Logger;
  nowMs: () => number;
  /** Resolves when the agent image is there; rejects with cause and fix. */
  imageReady: () => Promise<unknown>;
}

/** Limits of the contract of events. */
const TOOL_TEXT_CHARS = 4_096;
const SAID_CHARS = 16_000;
const DETAIL_CHARS = 4_000;
const ALERT_CHARS = 1_900;
const LEASE_LOOK_MS = 500;
const FETCH_TRIES = 5;
const WORKSPACE_FOLDER = '/workspace/repo';

/** Why we ended a run; it outranks what the container says of its own end. */
interface Stop {
  reason: RunEndReason;
  detail: string;
}

/** One session from start to end: every happening becomes an event in the spool, the last one is `ended`. */
export class LiveRun {
  readonly request: RunRequest;
  readonly settled: Promise<RunEndReason>;
  /** Resolves when its sandbox is there. */
  readonly opened: Promise<void>;
  readonly #deps: LiveRunDeps;
  readonly #tools: RunTools;
  readonly #watch: SessionWatch;
  readonly #messages: SessionMessages;
  readonly #told: Told;
  readonly #acceptedAtMs: number;
  /** It was begun by an earlier process of this runner, and may live on. */
  readonly #isTakenBack: boolean;
  readonly #began = Promise.withResolvers<void>();
  readonly #kept = Promise.withResolvers<void>();
  readonly #events: SessionEvents;
  #sandbox: Sandbox | null = null;
  #stop: Stop | null = null;
  readonly #alerted = new Set<string>();
  #lastSignAtMs: number;
  /** Model calls that wait for the control plane. */
  #paused = 0;
  #ended = false;

  constructor(request: RunRequest, deps: LiveRunDeps, acceptedAtMs = deps.nowMs(), isTakenBack = false) {
    this.request = request;
    this.#deps = deps;
    this.#acceptedAtMs = acceptedAtMs;
    this.#isTakenBack = isTakenBack;
    this.#told = deps.spool.told(request.id, request.fence);
    this.#events = new SessionEvents(request, deps);
    this.#tools = new RunTools(request, deps, this.#told);
    this.#messages = new SessionMessages(
      deps.messages.of(request.id, request.fence),
      this.#told.messagesGiven,
    );
    this.#watch = this.#openWatch();
    this.#tools.onCheckpoint = (itemsDone) => {
      if (itemsDone !== null) this.#watch.itemsDone(itemsDone);
      this.#watch.kept();
      this.#kept.resolve();
    };
    this.#lastSignAtMs = deps.nowMs();
    this.opened = this.#began.promise;
    this.settled = this.#run();
  }

  /** Milliseconds without any sign of life; a tool that we are answering is a sign. */
  silentMs(): number {
    return this.#tools.busy || this.#paused > 0 || !this.#sandbox
      ? 0
      : this.#deps.nowMs() - this.#lastSignAtMs;
  }

  /** Asks for the work to be kept, once the agent makes its next call; resolves when it is, or when it has ended. */
  async keep(): Promise<void> {
    if (!this.request.tools.includes('checkpoint')) return;
    this.#watch.keepNow(
      'The runner is about to stop; your work is kept and a fresh session goes on from it.',
    );
    await Promise.race([this.#kept.promise, this.settled]);
  }

  /** A message for the model's next turn, on disk before this answers; `ended`: there is no turn that it could change. */
  say(message: RunMessage): 'accepted' | 'known' | 'ended' {
    if (this.#stop || this.#ended || this.#tools.resultGiven) return 'ended';
    if (this.#messages.has(message.id)) return 'known';
    this.#deps.messages.put(this.request.id, message);
    this.#messages.add(message);
    return 'accepted';
  }

  stop(reason: RunEndReason, detail: string): void {
    if (this.#stop) return;
    if (reason === 'silent')
      this.#alert('silent', 'A session gave no sign of life for 10 minutes; it is ended.');
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

  #openWatch(): SessionWatch {
    const { request } = this;
    return new SessionWatch({
      startedAtMs: this.#acceptedAtMs,
      timeoutMs: request.timeoutMs,
      estimateMs: request.estimateMs,
      failedCommand: request.fix?.step.command ?? null,
      workspaceFolder: WORKSPACE_FOLDER,
      mayCheckpoint: request.tools.includes('checkpoint'),
      messages: this.#messages,
      alert: (rule, text) => this.#alert(rule, text),
      stop: (reason, detail) => this.stop(reason, detail),
    });
  }

  #alert(rule: string, text: string): void {
    if (this.#alerted.has(rule)) return;
    this.#alerted.add(rule);
    this.#events.keep({ type: 'alert', data: { rule, text: clip(this.#deps.redact(text), ALERT_CHARS) } });
  }

  /** Without a fresh lease nothing is spent: calls wait, and waiting is not silence. */
  async #mayCall(): Promise<boolean> {
    const { leaseClock, sleep } = this.#deps;
    this.#paused += 1;
    try {
      while (!leaseClock.isFresh(this.request.id)) {
        if (this.#stop || this.#ended) return false;
        await sleep(LEASE_LOOK_MS);
      }
      if (this.#stop) return false;
      for (const message of this.#messages.callBegins())
        this.#events.append({ type: 'message_given', data: { message } });
      return true;
    } finally {
      this.#paused -= 1;
      this.#lastSignAtMs = this.#deps.nowMs();
    }
  }

  async #checkpoint(): Promise<NonNullable<SandboxSpec['checkpoint']> | null> {
    const { id, checkpoint } = this.request;
    if (checkpoint === null) return null;
    const { head, uncommitted, bundle } = checkpoint;
    if (bundle === null) return { head, uncommitted, bundle: null };
    const fetched = await this.#fetched(id, bundle.sha256);
    if (!fetched.ok) throw new Error('the checkpoint of the session before arrived altered');
    return { head, uncommitted, bundle: fetched.bytes };
  }

  /** A Worker that is away for a moment must not cost the work of a session. */
  async #fetched(run: string, sha256: string): Promise<FetchedArtifact> {
    for (let tries = 1; ; tries++) {
      try {
        return await this.#deps.artifacts.read(run, sha256);
      } catch (error) {
        if (!(error instanceof WorkerError) || !error.retryable || tries >= FETCH_TRIES) throw error;
        await this.#deps.sleep(backoffMs(tries, this.#deps.random(), null));
      }
    }
  }

  async #session(): Promise<SandboxEnd> {
    const { request } = this;
    await this.#deps.imageReady();
    if (this.#stop) throw new Error(this.#stop.detail);
    const { id: run, fence, group, model, budgetUsd, maxTurns, timeoutMs, charter, prompt } = request;
    const { workspace, identity, routes, credentials, tools, result } = request;
    const spec: SandboxSpec = {
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
      result,
      mirror: async () => {
        if (workspace === null) throw new Error('this run has no repository');
        return this.#deps.remotes.withCommit(workspace, workspace.commit);
      },
      checkpoint: this.#isTakenBack ? null : await this.#checkpoint(),
      spentMicroUsd: this.#told.spentMicroUsd,
      imageDigest: request.imageDigest,
    };
    const handlers: SandboxHandlers = {
      onTool: async (call) => {
        this.#lastSignAtMs = this.#deps.nowMs();
        await this.#began.promise;
        return this.#tools.call(call);
      },
      onEvent: (event) => this.#onEvent(event),
      judge: (event) => this.#judge(event),
      mayCall: () => this.#mayCall(),
      onUsage: (usage) => {
        this.#lastSignAtMs = this.#deps.nowMs();
        this.#events.keep({ type: 'usage', data: usage });
      },
    };
    const sandbox = await this.#open(spec, handlers);
    if (sandbox === null) {
      const detail = 'the runner was restarted, and the session did not outlive it';
      this.#stop ??= { reason: 'interrupted', detail };
      return { reason: 'canceled', detail, turns: 0, durationMs: 0, transcriptPath: null };
    }
    this.#sandbox = sandbox;
    this.#lastSignAtMs = this.#deps.nowMs();
    const { imageTag: image, imageDigest, container } = sandbox;
    this.#begin(this.#told.started ? null : [{ type: 'started', data: { image, imageDigest, container } }]);
    if (this.#stop) this.#kill();
    return sandbox.ended;
  }

  async #open(spec: SandboxSpec, handlers: SandboxHandlers): Promise<Sandbox | null> {
    const { backend, nowMs } = this.#deps;
    if (!this.#isTakenBack) return backend.start(spec, handlers);
    const timeoutMs = Math.max(1, spec.timeoutMs - (nowMs() - this.#acceptedAtMs));
    return (await backend.takeBack?.({ ...spec, timeoutMs }, handlers)) ?? null;
  }

  #begin(first: EventArguments | null): void {
    this.#events.begin(first);
    this.#began.resolve();
  }

  /** A session that has given its result, or handed over, is not kept going by a message. */
  #judge(event: SandboxEvent): EventAnswer {
    if (event.type === 'stopping' && (this.#tools.resultGiven || this.#tools.handedOff)) return {};
    return this.#watch.judge(event, this.#deps.nowMs());
  }

  #bounded(text: string | null): string | null {
    return text === null ? null : clip(this.#deps.redact(text), TOOL_TEXT_CHARS);
  }

  #onEvent(event: SandboxEvent): void {
    this.#lastSignAtMs = this.#deps.nowMs();
    if (event.type === 'turn' || event.type === 'compacted' || event.type === 'stopping') return;
    if (event.type === 'said')
      return this.#events.append({
        type: 'said',
        data: { text: clip(this.#deps.redact(event.text), SAID_CHARS) },
      });
    const { id, name, phase, input, output, durationMs } = event;
    this.#events.append({
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
    this.#ended = true;
    this.#begin(null);
    const transcript = await this.#transcript(end.transcriptPath);
    const { reason, detail } = endOf(end, this.#stop, this.#tools);
    this.#events.keep(
      {
        type: 'ended',
        data: {
          reason,
          detail: clip(this.#deps.redact(detail), DETAIL_CHARS),
          turns: end.turns,
          durationMs: Math.max(0, Math.round(end.durationMs || this.#deps.nowMs() - this.#acceptedAtMs)),
          transcript,
        },
      },
      transcript === null ? [] : [transcript],
    );
    await this.#events.written();
    return reason;
  }
}

/** How a run ended, from the container's word, our own deed, and whether there is a result. */
export function endOf(
  end: Pick<SandboxEnd, 'reason' | 'detail'>,
  stop: { reason: RunEndReason; detail: string } | null,
  { resultGiven, handedOff }: { resultGiven: boolean; handedOff: boolean },
): { reason: RunEndReason; detail: string } {
  if (handedOff && !resultGiven && (end.reason === 'completed' || end.reason === 'timeout'))
    return { reason: 'handed_off', detail: end.detail };
  if (end.reason === 'completed')
    return resultGiven
      ? { reason: 'completed', detail: end.detail }
      : { reason: 'no_result', detail: end.detail || 'the session ended without a report' };
  if (stop && (end.reason === 'canceled' || end.reason === 'timeout' || end.reason === 'start_failed'))
    return stop;
  return { reason: end.reason, detail: end.detail };
}
