import { createHash } from 'node:crypto';
import { newId } from '../../core/contracts/ids.ts';
import type { IntentOutcome, PushFixIntent } from '../../core/contracts/intents.ts';
import type { RunnerEvent, RunRequest } from '../../core/contracts/run.ts';
import { canonicalJson } from '../../core/journal/canonical-json.ts';
import { fixResult } from '../../durable-objects/test/specs.ts';
import { createWorkerClient } from '../../sandbox-runner/src/worker/worker-client.ts';
import { generateKeyPair } from '../../wire/keys.ts';
import { pushFixOf } from '../push-fix.ts';
import type { LoadAzureDevOps } from './azure-devops.ts';
import { type Answer, type Asked, type HttpService, serve } from './http-service.ts';

const REPORT_MS = 5_000;
const MODEL_CALLS = 3;
const CAPACITY = 15;

interface Session {
  request: RunRequest;
  seq: number;
  ended: boolean;
}

type Told<E> = E extends RunnerEvent ? Pick<E, 'type' | 'data'> : never;

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
const commitOf = (text: string): string => createHash('sha1').update(text).digest('hex');

/**
 * A runner whose sessions mend everything at once, without containers: real signatures, a spool that is kept
 * until acknowledged, a heartbeat. It counts what it was made to do.
 */
export class LoadRunner {
  readonly name = 'load';
  /** Sessions begun, by run. */
  readonly begun = new Map<string, number>();
  /** Of `PUT /v1/runs` and `PUT /v1/intents`. */
  requests = { runs: 0, intents: 0 };
  /** Called with each run as its request comes in. */
  onRun: (request: RunRequest) => void = () => {};
  readonly #azure: LoadAzureDevOps;
  readonly #known = new Map<string, number>();
  readonly #sessions: Session[] = [];
  readonly #outcomes = new Map<string, IntentOutcome>();
  #spool: RunnerEvent[] = [];
  #service: HttpService | null = null;
  #client: ReturnType<typeof createWorkerClient> | null = null;
  #reporting = false;
  #timer: NodeJS.Timeout | null = null;

  constructor(azure: LoadAzureDevOps) {
    this.#azure = azure;
  }

  /** The Worker's settings that let the two know each other; `connect` follows when the Worker's address is known. */
  async open(): Promise<{ settings: Record<string, string>; connect(workerUrl: string): void }> {
    this.#service = await serve((asked) => this.#answer(asked));
    const mine = await generateKeyPair(this.name);
    const theirs = await generateKeyPair('load-worker');
    return {
      settings: {
        RUNNER_URLS: `${this.name}=${this.#service.url}`,
        RUNNER_PUBLIC_KEYS: JSON.stringify(mine.publicKeys),
        WORKER_SIGNING_KEY: JSON.stringify(theirs.signingKey),
      },
      connect: (url) => {
        const authority = new URL(url).host;
        this.#client = createWorkerClient({ url, authority, key: mine.signingKey, nowMs: Date.now });
        this.#timer = setInterval(() => void this.#report(), REPORT_MS);
        void this.#report();
      },
    };
  }

  async close(): Promise<void> {
    if (this.#timer) clearInterval(this.#timer);
    await this.#service?.close();
  }

  get isIdle(): boolean {
    return this.#spool.length === 0 && this.#sessions.every(({ ended }) => ended);
  }

  #answer({ method, path, body }: Asked): Answer {
    const [, , kind, id = ''] = path.split('/');
    if (kind === 'intents') {
      this.requests.intents += 1;
      return { status: 200, body: this.#perform((body as { intent: PushFixIntent }).intent) };
    }
    if (method === 'DELETE') {
      for (const session of this.#sessions) if (session.request.id === id) session.ended = true;
      return { status: 200, body: {} };
    }
    if (kind !== 'runs') return { status: 200, body: { ok: true } };
    this.requests.runs += 1;
    const request = body as RunRequest;
    this.onRun(request);
    const fence = this.#known.get(id) ?? 0;
    if (request.fence < fence) return { status: 409, body: { code: 'stale_fence' } };
    if (request.fence === fence) return { status: 200, body: {} };
    this.#known.set(id, request.fence);
    this.begun.set(id, (this.begun.get(id) ?? 0) + 1);
    const session = { request, seq: 0, ended: false };
    this.#sessions.push(session);
    this.#work(session);
    return { status: 202, body: {} };
  }

  #perform({ id, body }: PushFixIntent): IntentOutcome {
    const known = this.#outcomes.get(id);
    if (known) return known;
    const repository = Number(/\d+$/.exec(body.repository)?.[0]);
    const done = this.#azure.push(repository, body.ref, body.expected, body.commit);
    const outcome: IntentOutcome = done
      ? { outcome: 'performed', ref: body.ref, commit: body.commit }
      : { outcome: 'refused', code: 'base_moved', reason: 'the ref is elsewhere' };
    this.#outcomes.set(id, outcome);
    return outcome;
  }

  /** A whole session in one breath: what counts here is how it is told. */
  #work(session: Session): void {
    const { request } = session;
    const { id, fence, model, fix } = request;
    this.#say(session, {
      type: 'started',
      data: { image: 'load', imageDigest: 'sha256:load', container: 'none' },
    });
    for (let call = 1; call <= MODEL_CALLS; call++)
      this.#say(session, {
        type: 'usage',
        data: {
          requestId: `req_${id}_${fence}_${call}`,
          model,
          at: Date.now(),
          inputTokens: 1_000,
          outputTokens: 100,
          cacheReadTokens: 0,
          cacheWrite5mTokens: 0,
          cacheWrite1hTokens: 0,
        },
      });
    if (fix) {
      const body = pushFixOf(request, { commit: commitOf(`${id} ${fence}`), sha256: sha256(id) });
      const intent = newId('int', Date.now(), crypto.getRandomValues(new Uint8Array(10)));
      this.#say(session, {
        type: 'intent',
        data: { id: intent, run: id, fence, digest: sha256(canonicalJson(body)), body },
      });
    }
    this.#say(session, { type: 'result', data: { value: fixResult } });
    this.#say(session, {
      type: 'ended',
      data: { reason: 'completed', detail: '', turns: 3, durationMs: 9, transcript: null },
    });
    session.ended = true;
  }

  #say(session: Session, event: Told<RunnerEvent>): void {
    session.seq += 1;
    const { id: run, fence } = session.request;
    this.#spool.push({ run, fence, seq: session.seq, at: Date.now(), ...event } as RunnerEvent);
    void this.#report();
  }

  /** Keeps what was not acknowledged, and tells it again. */
  async #report(): Promise<void> {
    if (this.#reporting || this.#client === null) return;
    this.#reporting = true;
    const events = this.#spool.slice(0, 200);
    const running = this.#sessions.filter(({ ended }) => !ended);
    try {
      const { acknowledged } = await this.#client.report({
        runner: this.name,
        at: Date.now(),
        health: { capacity: CAPACITY, running: running.length, image: 'load', problems: [] },
        leases: running.map(({ request: { id: run, fence } }) => ({ run, fence })),
        events,
      });
      this.#spool = this.#spool.filter(({ run, seq }) => seq > (acknowledged[run] ?? 0));
      this.#reporting = false;
      if (this.#spool.length > 0) void this.#report();
    } catch {
      this.#reporting = false;
      setTimeout(() => void this.#report(), 500).unref();
    }
  }
}
