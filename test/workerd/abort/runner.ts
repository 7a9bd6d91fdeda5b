import { SELF } from 'cloudflare:test';
import { newId } from '../../../core/contracts/ids.ts';
import type { Intent, IntentOutcome } from '../../../core/contracts/intents.ts';
import type { RunMessage, RunnerEvent, RunnerReportAnswer, RunRequest } from '../../../core/contracts/run.ts';
import { canonicalJson } from '../../../core/journal/canonical-json.ts';
import { sha256Hex } from '../../../durable-objects/shared/journal.ts';
import { fixResult, usage } from '../../../durable-objects/test/specs.ts';
import { utf8 } from '../../../wire/encoding.ts';
import { generateKeyPair, type SigningKey } from '../../../wire/keys.ts';
import { newNonce, signRequest } from '../../../wire/sign-request.ts';
import type { OutsideRequest } from '../../../workers/test/outside.ts';
import { pushFixOf } from '../../push-fix.ts';
import type { Senders } from './senders.ts';
import type { World } from './world.ts';

type Told = RunnerEvent extends infer One
  ? One extends RunnerEvent
    ? Pick<One, 'type' | 'data'>
    : never
  : never;

/** What an agent reports of a task. */
export const report = { ...fixResult, kind: 'report', outcome: 'done', answer: 'All is well.' };

const BEAT_MS = 30_000;

/** One agent session, as a course plays it. */
export class Session {
  readonly request: RunRequest;
  /** What was said to it on the way. */
  readonly heard: string[] = [];
  isOver = false;
  #seq = 0;
  readonly #spool: (event: RunnerEvent) => void;

  constructor(request: RunRequest, spool: (event: RunnerEvent) => void) {
    this.request = request;
    this.#spool = spool;
    this.tell(
      { type: 'started', data: { image: 'i', imageDigest: 'sha256:d', container: 'c' } },
      { type: 'usage', data: usage(`req_${request.id}_${request.fence}`) },
    );
  }

  tell(...events: Told[]): void {
    if (this.isOver) return;
    const { id: run, fence } = this.request;
    for (const event of events)
      this.#spool({ run, fence, seq: ++this.#seq, at: Date.now(), ...event } as RunnerEvent);
  }

  end(value: unknown, reason: 'completed' | 'canceled' | 'out_of_memory' = 'completed'): void {
    if (value !== null) this.tell({ type: 'result', data: { value } });
    this.tell({ type: 'ended', data: { reason, detail: '', turns: 4, durationMs: 9, transcript: null } });
    this.isOver = true;
  }
}

/** A runner without containers: what its sessions tell is kept until the Worker has it. */
export class Runner {
  readonly name = 'runner-1';
  readonly sessions: Session[] = [];
  /** What a session does as soon as it begins. */
  onSession: (session: Session) => void = () => {};
  /** It tells nothing more; what it is told it still does. */
  isSilent = false;
  readonly #world: World;
  readonly #key: SigningKey;
  readonly settings: Record<string, string>;
  readonly #fences = new Map<string, number>();
  readonly #outcomes = new Map<string, IntentOutcome>();
  #spool: RunnerEvent[] = [];
  #reportedAt = 0;

  static async open(world: World): Promise<Runner> {
    const mine = await generateKeyPair('runner-1');
    const theirs = await generateKeyPair('worker-1');
    const settings = {
      RUNNER_URLS: 'runner-1=http://runner.test:9',
      WORKER_SIGNING_KEY: JSON.stringify(theirs.signingKey),
      RUNNER_PUBLIC_KEYS: JSON.stringify(mine.publicKeys),
    };
    return new Runner(world, mine.signingKey, settings);
  }

  private constructor(world: World, key: SigningKey, settings: Record<string, string>) {
    this.#world = world;
    this.#key = key;
    this.settings = settings;
    world.outside.on((request) => (request.url.host === 'runner.test:9' ? this.#answer(request) : undefined));
  }

  forget(): void {
    this.onSession = () => {};
    this.isSilent = false;
    this.sessions.length = 0;
    this.#fences.clear();
    this.#outcomes.clear();
    this.#spool = [];
  }

  /** It reports as soon as there is something to report, and that its sessions live. */
  act(senders: Senders): void {
    if (this.isSilent || senders.isTelling('report')) return;
    const isBeat = Date.now() - this.#reportedAt > BEAT_MS && this.sessions.some(({ isOver }) => !isOver);
    if (this.#spool.length > 0 || isBeat) senders.tell(() => this.report(), 'report');
  }

  #answer({ method, url, body }: OutsideRequest): Response {
    const [, , kind, id = '', part] = url.pathname.split('/');
    const canceled = Number(url.searchParams.get('fence'));
    if (kind === 'intents') return Response.json(this.#perform(body as { run: string; intent: Intent }));
    if (part === 'messages') return this.#hear(id, body as RunMessage);
    if (method === 'DELETE') {
      const session = this.sessions.find(
        ({ request: { id: run, fence } }) => run === id && fence === canceled,
      );
      session?.end(null, 'canceled');
      return Response.json({}, { status: session ? 200 : 409 });
    }
    const request = body as RunRequest;
    const known = this.#fences.get(id) ?? 0;
    if (request.fence < known) return Response.json({ code: 'stale_fence' }, { status: 409 });
    if (request.fence === known) return Response.json({});
    this.#fences.set(id, request.fence);
    this.#world.deeds.push(`session of ${request.group}`);
    const session = new Session(request, (event) => this.#spool.push(event));
    this.sessions.push(session);
    this.onSession(session);
    return Response.json({}, { status: 202 });
  }

  #hear(run: string, { id, text }: RunMessage): Response {
    const session = this.sessions.find((one) => one.request.id === run && !one.isOver);
    if (!session) return Response.json({}, { status: 410 });
    if (session.heard.includes(id)) return Response.json({});
    session.heard.push(id);
    this.#world.deeds.push(`heard ${text.replaceAll(/\d+/g, 'N')}`);
    session.tell({ type: 'message_given', data: { message: id } });
    return Response.json({}, { status: 202 });
  }

  #perform({ intent }: { run: string; intent: Intent }): IntentOutcome {
    const kept = this.#outcomes.get(intent.id);
    if (kept) return kept;
    const { body } = intent;
    if (body.kind === 'admin_request') throw new Error('a runner performs no request');
    if (body.kind === 'push_fix') this.#world.push(body.ref, body.expected, body.commit);
    else this.#world.deeds.push(`host command ${body.command}`);
    const outcome: IntentOutcome =
      body.kind === 'push_fix'
        ? { outcome: 'performed', ref: body.ref, commit: body.commit }
        : { outcome: 'executed', exitCode: 0, durationMs: 9, output: '', log: null };
    this.#outcomes.set(intent.id, outcome);
    return outcome;
  }

  /** One report; whether all that happened is kept now. */
  async report(): Promise<boolean> {
    const leases = this.sessions
      .filter(({ isOver }) => !isOver)
      .map(({ request: { id: run, fence } }) => ({ run, fence }));
    const events = this.#batch();
    const response = await this.#post('/runner/events', {
      runner: this.name,
      at: Date.now(),
      health: { capacity: 15, running: leases.length, image: 'i', problems: [] },
      leases,
      events,
    });
    if (!response.ok) return false;
    this.#reportedAt = Date.now();
    const { acknowledged } = (await response.json()) as RunnerReportAnswer;
    this.#spool = this.#spool.filter(
      (event) => !events.includes(event) || event.seq > (acknowledged[event.run] ?? 0),
    );
    return this.#spool.length === 0;
  }

  /** Of one fence per run, so that an acknowledgement is unambiguous. */
  #batch(): RunnerEvent[] {
    const fences = new Map(this.#spool.map(({ run, fence }) => [run, fence] as const).reverse());
    return this.#spool.filter(({ run, fence }) => fences.get(run) === fence);
  }

  /** The status of the answer when a session writes to another agent. */
  async relay(
    { request: { id: run, fence } }: Session,
    key: string,
    to: string,
    text: string,
  ): Promise<number> {
    return (await this.#post('/relay', { run, fence, key, to, text })).status;
  }

  async #post(path: string, told: unknown): Promise<Response> {
    const url = `https://dogwatch.test${path}`;
    const body = utf8(JSON.stringify(told));
    const headers = await signRequest({
      method: 'POST',
      url,
      body,
      key: this.#key,
      nowMs: Date.now(),
      nonce: newNonce(),
      authority: 'dogwatch.test',
    });
    return SELF.fetch(url, { method: 'POST', headers, body });
  }
}

/** What an agent submits that has mended its target. */
export function fixIntent(request: RunRequest): Told {
  const { id, fence } = request;
  const commit = sha256Hex(`${id} ${fence}`).slice(0, 40);
  return intentOf(id, fence, pushFixOf(request, { commit, sha256: sha256Hex(id) }));
}

export function intentOf(run: string, fence: number, body: Intent['body']): Told {
  const id = newId('int', Date.now(), crypto.getRandomValues(new Uint8Array(10)));
  return { type: 'intent', data: { id, run, fence, digest: sha256Hex(canonicalJson(body)), body } };
}
