import type { RunEndReason, RunMessage, RunRequest } from '../../../core/contracts/run.ts';
import type {
  EventAnswer,
  Sandbox,
  SandboxBackend,
  SandboxEnd,
  SandboxEvent,
  SandboxHandlers,
  SandboxSpec,
} from '../backend/sandbox.ts';
import type { Logger } from '../logger.ts';
import type { ArtifactStore } from '../worker/artifact-store.ts';
import type { EventSpool, Told } from '../worker/event-spool.ts';
import type { MessageStore } from './message-store.ts';
import { type RunToolDeps, RunTools } from './run-tools.ts';
import { fetchCheckpoint, keepTranscript } from './session-artifacts.ts';
import { endOf, type Stop } from './session-end.ts';
import { type EventArguments, SessionEvents } from './session-events.ts';
import { SessionMessages } from './session-messages.ts';
import { alertPayload, endedPayload, payloadOf } from './session-payloads.ts';
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

const LEASE_LOOK_MS = 500;
const WORKSPACE_FOLDER = '/workspace/repo';

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
    this.#events.keep(alertPayload(rule, text, this.#deps.redact));
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
      checkpoint: this.#isTakenBack ? null : await fetchCheckpoint(request, this.#deps),
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

  #onEvent(event: SandboxEvent): void {
    this.#lastSignAtMs = this.#deps.nowMs();
    const payload = payloadOf(event, this.#deps.redact);
    if (payload !== null) this.#events.append(payload);
  }

  async #end(end: SandboxEnd): Promise<RunEndReason> {
    this.#ended = true;
    this.#begin(null);
    const transcript = await keepTranscript(this.request.id, end.transcriptPath, this.#deps);
    const { reason, detail } = endOf(end, this.#stop, this.#tools);
    const durationMs = end.durationMs || this.#deps.nowMs() - this.#acceptedAtMs;
    const ended = { reason, detail, turns: end.turns, durationMs, transcript };
    this.#events.keep(endedPayload(ended, this.#deps.redact), transcript === null ? [] : [transcript]);
    await this.#events.written();
    return reason;
  }
}
