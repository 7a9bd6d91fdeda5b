import type { Intent, IntentOutcome } from '../../core/contracts/intents.ts';
import type { RunEndReason, RunMessage, RunnerEvent, RunRequest } from '../../core/contracts/run.ts';
import { pushFixOf } from '../push-fix.ts';
import type { Event } from './clock.ts';
import { Life, within } from './life.ts';
import { fixResult, taskReport } from './model.ts';
import type { Answer, Asked, Service } from './network.ts';
import type { Random } from './random.ts';
import type { World } from './world.ts';

type EventBody = RunnerEvent extends infer One
  ? One extends RunnerEvent
    ? Pick<One, 'type' | 'data'>
    : never
  : never;

const HEARTBEAT_MS = 30_000;
/** After this long without a renewal a session does nothing outside any more. */
const ACTS_FOR_MS = 90_000;

interface Session {
  run: string;
  fence: number;
  request: RunRequest;
  seq: number;
  ended: boolean;
  renewedAt: number;
  next: Event | null;
  /** What was said to it and not yet given to its model. */
  messages: RunMessage[];
  heard: Set<string>;
}

interface PerformIntent {
  run: string;
  fence: number;
  digest: string;
  intent: Intent;
}

interface ReportAnswer {
  lost: string[];
  stop: boolean;
  acknowledged: Record<string, number>;
}

/** One runner: its sessions, what it has on disk, and the heartbeat that tells of both. */
export class Runner implements Service {
  readonly name: string;
  readonly #world: World;
  readonly #random: Random;
  readonly #capacity: number;
  readonly #skewMs: number;
  /** By run: the newest lease it knows. */
  readonly known = new Map<string, { fence: number; ended: boolean }>();
  readonly sessions: Session[] = [];
  #spool: RunnerEvent[] = [];
  readonly #outcomes = new Map<string, IntentOutcome>();
  #state: 'up' | 'down' | 'hung' | 'cut_off' = 'up';
  #reporting = false;
  #calls = 0;
  #nextBeat: Event | null = null;

  constructor(world: World, name: string, capacity: number) {
    this.#world = world;
    this.name = name;
    this.#random = world.random(`runner ${name}`);
    this.#capacity = capacity;
    this.#skewMs = this.#random.between(-world.faults().skewMs, world.faults().skewMs);
    this.#beat(this.#random.between(100, HEARTBEAT_MS));
  }

  get isBusy(): boolean {
    return this.#spool.length > 0 || this.living.length > 0 || this.#state !== 'up';
  }

  get living(): Session[] {
    return this.sessions.filter(({ ended }) => !ended);
  }

  /** Sessions of a run that may do things outside now. */
  acting(run: string): Session[] {
    return this.living.filter((session) => session.run === run && this.#mayAct(session));
  }

  #mayAct({ renewedAt, ended }: Session): boolean {
    const isAwake = this.#state === 'up' || this.#state === 'cut_off';
    return !ended && isAwake && this.#world.clock.now - renewedAt < ACTS_FOR_MS;
  }

  // -- its doors

  trouble = (): number => this.#world.faults().runnerNetwork;
  latencyMs = (): number => this.#random.between(10, 300);
  failure = (): Answer => ({ status: 503, body: { code: 'unavailable' } });

  perform(asked: Asked): Answer {
    if (this.#state !== 'up') return { status: 502, body: { code: 'bad_gateway' } };
    const [, , kind, id = '', part] = asked.path.split('/');
    if (kind === 'intents') return { status: 200, body: this.#performIntent(asked.body as PerformIntent) };
    if (part === 'messages') return this.#hear(id, asked.body as RunMessage);
    if (asked.method === 'DELETE') {
      const fence = Number(asked.url.searchParams.get('fence'));
      const known = this.known.get(id);
      if (!known) return { status: 404, body: { code: 'not_found' } };
      if (fence < known.fence) return { status: 409, body: { code: 'stale_fence' } };
      for (const session of this.living)
        if (session.run === id) this.#end(session, 'canceled', 'told to stop');
      return { status: 200, body: {} };
    }
    return this.#start(asked.body as RunRequest);
  }

  #start(request: RunRequest): Answer {
    const known = this.known.get(request.id);
    if (known && request.fence < known.fence) return { status: 409, body: { code: 'stale_fence' } };
    if (known && request.fence === known.fence) return { status: 200, body: {} };
    const others = this.living.filter(({ run }) => run !== request.id);
    if (others.length >= this.#capacity) return { status: 429, body: {}, headers: { 'retry-after': '20' } };
    for (const old of this.living) if (old.run === request.id) this.#end(old, 'lease_lost', 'a newer lease');
    this.known.set(request.id, { fence: request.fence, ended: false });
    this.#world.sessionStarts(this, request);
    const session: Session = {
      run: request.id,
      fence: request.fence,
      request,
      seq: 0,
      ended: false,
      renewedAt: this.#world.clock.now,
      next: null,
      messages: [],
      heard: new Set(),
    };
    this.#world.talk.reads(request.prompt);
    this.sessions.push(session);
    this.#beat(100);
    this.#play(session);
    return { status: 202, body: {} };
  }

  #hear(run: string, message: RunMessage): Answer {
    const known = this.known.get(run);
    if (!known || message.fence > known.fence) return { status: 404, body: { code: 'not_found' } };
    if (message.fence < known.fence) return { status: 409, body: { code: 'stale_fence' } };
    const session = this.living.find((one) => one.run === run);
    if (!session) return { status: 410, body: { code: 'ended' } };
    if (session.heard.has(message.id)) return { status: 200, body: {} };
    session.heard.add(message.id);
    session.messages.push(message);
    return { status: 202, body: {} };
  }

  #performIntent({ run, fence, intent }: PerformIntent): IntentOutcome {
    const refused = (code: 'stale_fence' | 'base_moved', reason: string): IntentOutcome => ({
      outcome: 'refused',
      code,
      reason,
    });
    if (fence < intent.fence) return refused('stale_fence', 'not the lease of this intent');
    const kept = this.#outcomes.get(intent.id);
    if (kept) return kept;
    if (fence < (this.known.get(run)?.fence ?? 0)) return refused('stale_fence', 'a newer lease exists');
    const { body } = intent;
    if (body.kind !== 'push_fix') {
      if (body.kind === 'admin_request') throw new Error('a request is for a person');
      this.#world.errands.executes(intent);
      const done: IntentOutcome = { outcome: 'executed', exitCode: 0, durationMs: 9, output: '', log: null };
      this.#outcomes.set(intent.id, done);
      return done;
    }
    const { azure } = this.#world;
    const repository = Number(body.repository.slice(-1));
    const before = azure.head(repository, body.ref);
    let outcome: IntentOutcome;
    if (before === body.commit) outcome = { outcome: 'performed', ref: body.ref, commit: body.commit };
    else if (before !== body.expected) outcome = refused('base_moved', `the ref is at ${before}`);
    else {
      azure.push({ repository, ref: body.ref, commit: body.commit, by: 'dogwatch' });
      outcome = { outcome: 'performed', ref: body.ref, commit: body.commit };
    }
    this.#outcomes.set(intent.id, outcome);
    return outcome;
  }

  // -- what a session does

  #play(session: Session): void {
    const random = this.#random;
    const { agentTrouble, runnerTrouble } = this.#world.faults();
    const steps: (() => void)[] = [
      () =>
        this.#say(session, {
          type: 'started',
          data: { image: 'agent:1', imageDigest: 'sha256:1', container: 'c1' },
        }),
    ];
    for (let n = random.between(1, 4); n > 0; n--) steps.push(() => this.#work(session));
    if (session.request.fix === null && random.chance(0.4)) steps.push(() => this.#wish(session));
    const checkpoint = random.chance(0.3);
    if (checkpoint) steps.push(() => this.#checkpoint(session));
    if (random.chance(agentTrouble)) {
      const reason: RunEndReason = random.pick([
        'no_result',
        'budget',
        'timeout',
        'silent',
        'out_of_memory',
        'crashed',
        'stuck',
        'handed_off',
        'interrupted',
      ]);
      if (random.chance(0.2)) steps.push(() => this.#report(session, { nonsense: true }));
      steps.push(() => this.#end(session, reason, 'as agents do'));
    } else {
      const isTask = session.request.fix === null;
      const outcome = random.chance(0.85) ? 'fixed' : random.pick(['not_code', 'not_diagnosable']);
      if (outcome === 'fixed' && !random.chance(agentTrouble * 0.2)) steps.push(() => this.#submit(session));
      if (random.chance(agentTrouble * 0.3)) steps.push(() => this.#submit(session));
      steps.push(() => this.#report(session, isTask ? taskReport : fixResult(outcome)));
      steps.push(() => this.#end(session, 'completed', ''));
    }
    if (random.chance(runnerTrouble))
      steps.splice(random.between(1, steps.length), 0, () => this.#breakDown());
    this.#next(session, steps);
  }

  #next(session: Session, steps: (() => void)[]): void {
    const [step, ...rest] = steps;
    if (!step) return;
    const pause = this.#random.exponential(60_000);
    session.next = this.#world.clock.after(pause, () => {
      if (session.ended) return;
      // Cut off from the Worker, or frozen with its runner: it waits.
      if (!this.#mayAct(session)) return this.#next(session, steps);
      step();
      this.#next(session, rest);
    });
  }

  #say(session: Session, body: EventBody): void {
    if (session.ended) return;
    session.seq += 1;
    const at = this.#world.clock.now + this.#skewMs;
    this.#spool.push({
      run: session.run,
      fence: session.fence,
      seq: session.seq,
      at,
      ...body,
    } as RunnerEvent);
    this.#world.clock.after(this.#random.between(50, 2_000), () => this.#tell());
  }

  #work(session: Session): void {
    this.#world.acts(session.run, this);
    for (const { id: message, text } of session.messages.splice(0)) {
      this.#world.talk.reads(text);
      this.#say(session, { type: 'message_given', data: { message } });
    }
    const id = `${this.name}-${++this.#calls}`;
    this.#say(session, {
      type: 'tool',
      data: { id, name: 'Bash', phase: 'requested', input: 'npm test', output: null, durationMs: null },
    });
    const inputTokens = this.#random.between(1_000, 40_000);
    this.#world.served(session.run, `req_${id}`);
    this.#say(session, {
      type: 'usage',
      data: {
        requestId: `req_${id}`,
        model: session.request.model,
        at: this.#world.clock.now,
        inputTokens,
        outputTokens: this.#random.between(10, 2_000),
        cacheReadTokens: 0,
        cacheWrite5mTokens: 0,
        cacheWrite1hTokens: 0,
      },
    });
    if (this.#random.chance(0.03))
      this.#say(session, { type: 'alert', data: { rule: 'denied_command', text: 'sudo was denied' } });
  }

  #checkpoint(session: Session): void {
    const head = session.request.workspace?.commit ?? this.#random.hex(40);
    this.#say(session, {
      type: 'checkpoint',
      data: { handOff: null, bundle: null, head, uncommitted: null },
    });
  }

  /** The checks of the runner have passed: what the agent made is a commit on the base. */
  #submit(session: Session): void {
    const { fix, workspace } = session.request;
    if (!fix || !workspace) return;
    this.#world.acts(session.run, this);
    const { azure } = this.#world;
    const before = azure.defectsOf(fix.target.base);
    const holds = this.#random.chance(0.8);
    const after = holds ? before.slice(1) : this.#random.chance(0.5) ? before : ['Build'];
    const commit = azure.commit(after, fix.target.base);
    const sha256 = this.#random.hex(64);
    this.#say(session, {
      type: 'intent',
      data: {
        id: this.#world.newId('int', this.#random),
        run: session.run,
        fence: session.fence,
        digest: this.#random.hex(64),
        body: pushFixOf(session.request, { commit: commit.id, sha256, title: `Mend ${before[0] ?? 'it'}` }),
      },
    });
  }

  #wish(session: Session): void {
    const { run, fence, request } = session;
    const body = this.#world.errands.wish(request.group);
    const id = this.#world.newId('int', this.#random);
    this.#say(session, { type: 'intent', data: { id, run, fence, digest: this.#random.hex(64), body } });
  }

  #report(session: Session, value: unknown): void {
    this.#say(session, { type: 'result', data: { value } });
  }

  #end(session: Session, reason: RunEndReason, detail: string): void {
    if (session.ended) return;
    this.#say(session, {
      type: 'ended',
      data: { reason, detail, turns: 5, durationMs: 9, transcript: null },
    });
    session.ended = true;
    this.#world.clock.cancel(session.next);
    const known = this.known.get(session.run);
    if (known?.fence === session.fence) known.ended = true;
  }

  /** It dies and is started again; hangs and wakes up with what it knew; or works on where nobody hears it. */
  #breakDown(): void {
    if (this.#state !== 'up') return;
    const state = this.#random.pick<'down' | 'hung' | 'cut_off'>(['down', 'hung', 'cut_off', 'cut_off']);
    this.#state = state;
    this.#world.trace(`runner ${this.name} is ${state}`);
    this.#world.clock.after(this.#random.exponential(600_000), () => {
      this.#world.trace(`runner ${this.name} is back`);
      this.#state = 'up';
      if (state === 'down')
        for (const session of this.living) this.#end(session, 'crashed', 'the runner was restarted');
      this.#tell();
    });
  }

  // -- what it tells the Worker

  #beat(delayMs: number): void {
    this.#world.clock.cancel(this.#nextBeat);
    this.#nextBeat = this.#world.clock.after(
      delayMs,
      () => {
        this.#tell();
        // An idle one is heard of less often than it would be: it changes nothing and makes worlds fast.
        this.#beat(this.isBusy ? HEARTBEAT_MS : 120 * HEARTBEAT_MS);
      },
      true,
    );
  }

  #tell(): void {
    if (this.#reporting || this.#state !== 'up') return;
    this.#reporting = true;
    const sentAt = this.#world.clock.now;
    const events = this.#spool.slice(0, 200);
    const leases = this.living.map(({ run, fence }) => ({ run, fence }));
    const again = (afterMs: number): void => {
      this.#reporting = false;
      if (this.#spool.length > 0) this.#world.clock.after(afterMs, () => this.#tell());
    };
    const life = new Life(`worker for ${this.name}`, 0);
    const answered = new Promise<ReportAnswer>((resolve, reject) => {
      life.onDeath(() => reject(new Error('the Worker died')));
      within(life, () => this.#reportTo(leases, events)).then(resolve, reject);
    });
    answered.then(
      (answer) => {
        if (this.#state !== 'up') return again(HEARTBEAT_MS);
        for (const { run, fence } of leases)
          if (!answer.lost.includes(run))
            for (const session of this.living)
              if (session.run === run && session.fence === fence) session.renewedAt = sentAt;
        for (const session of this.living)
          if (
            answer.lost.includes(session.run) &&
            leases.some(({ run, fence }) => run === session.run && fence === session.fence)
          )
            this.#end(session, 'lease_lost', 'the lease went elsewhere');
        if (answer.stop) for (const session of this.living) this.#end(session, 'canceled', 'stopped');
        const before = this.#spool.length;
        const fences = new Map(events.map(({ run, fence }) => [run, fence]));
        this.#spool = this.#spool.filter(
          ({ run, fence, seq }) => fences.get(run) !== fence || seq > (answer.acknowledged[run] ?? 0),
        );
        again(this.#spool.length < before ? 100 : 5_000);
      },
      () => again(this.#random.between(1_000, 5_000)),
    );
  }

  /** `POST /runner/events`, without its signature. */
  async #reportTo(leases: { run: string; fence: number }[], events: RunnerEvent[]): Promise<ReportAnswer> {
    const { objects } = this.#world;
    const trouble = this.#random.chance(this.#world.faults().runnerNetwork);
    if (trouble && this.#random.chance(0.5)) throw new Error('not reached');
    const { lost, stop } = (await objects.call('RUN_POOL', 'pool', 'heartbeat', [
      {
        runner: this.name,
        at: this.#world.clock.now + this.#skewMs,
        capacity: this.#capacity,
        running: this.living.length,
        problems: [],
        leases,
      },
    ])) as { lost: string[]; stop: boolean };
    const acknowledged: Record<string, number> = {};
    for (const run of new Set(events.map((event) => event.run))) {
      const told = events.filter((event) => event.run === run);
      const twice = this.#random.chance(this.#world.faults().runnerNetwork * 0.5);
      for (let n = twice ? 2 : 1; n > 0; n--) {
        const answer = (await objects.call('RUN', run, 'receive', [told, this.name])) as {
          acknowledged: number;
        };
        acknowledged[run] = answer.acknowledged;
      }
    }
    if (trouble) throw new Error('the answer was lost');
    return { lost, stop, acknowledged };
  }
}
