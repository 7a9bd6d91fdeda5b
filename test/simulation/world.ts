import { newId } from '../../core/contracts/ids.ts';
import type { RunRequest } from '../../core/contracts/run.ts';
import { AzureDevOps, type PullRequest, STEPS } from './azure-devops.ts';
import { type BackupReader, checkBackups } from './check-backups.ts';
import { checkAtRest, checkNow } from './checks.ts';
import { Clock } from './clock.ts';
import { Errands } from './errands.ts';
import { type Faults, NO_FAULTS } from './faults.ts';
import { surround } from './globals.ts';
import { Life, within } from './life.ts';
import { Model } from './model.ts';
import { Network } from './network.ts';
import { type ObjectState, Objects } from './objects.ts';
import { Random } from './random.ts';
import { Runner } from './runners.ts';
import { checkFoundBuilds, checkScheduler, makeSchedules, pauseSchedules, STARTS } from './schedules.ts';
import { Bucket, D1 } from './storage.ts';
import { Talk } from './talk.ts';
import { OPERATOR, Telegram } from './telegram.ts';

type ObjectClass = new (ctx: unknown, env: unknown) => object;

/** The Worker as its entry module exports it. */
export interface Product {
  classes: Record<string, ObjectClass>;
  fetch(request: Request, env: unknown, context: unknown): Promise<Response>;
  scheduled(controller: { scheduledTime: number }, env: unknown): Promise<void>;
  backups: BackupReader;
}

const HOUR = 3_600_000;
/** While things go wrong: the longer worlds see several episodes of an incident. */
const CHAOS_MS: [number, ...number[]] = [HOUR / 3, HOUR / 3, (3 * HOUR) / 4, 2 * HOUR];
/** Share of the worlds in which very many hooks come at once. */
const FLOODED = 0.08;
/** Of two hours each, after which a world counts as at rest. */
const MAX_ROUNDS = 50;
/** Longer than the longest timer of a loop, and what follows from it. */
const CALM_MS = 200 * HOUR;
/** After the calm begins: whatever was lost is found by one look more. */
const LAST_LOOK_MS = 20 * 60_000;

export interface WorldResult {
  violations: string[];
  trace: string[];
  figures: Record<string, number>;
}

/** Everything there is in one seed: the product, what is outside of it, and what goes wrong. */
export class World {
  readonly seed: number;
  readonly startMs: number;
  readonly calmAt: number;
  readonly clock: Clock;
  readonly objects: Objects;
  readonly d1: D1;
  readonly bucket: Bucket;
  readonly azure: AzureDevOps;
  readonly telegram: Telegram;
  readonly talk: Talk;
  readonly errands: Errands;
  readonly runners: Runner[];
  /** Buttons that the operator has pressed or will press. */
  readonly pressed: string[] = [];
  readonly violations: string[] = [];
  readonly sessionsOf = new Map<string, number>();
  readonly servedCalls = new Map<string, string>();
  readonly budgetUsd: number | null;
  readonly #product: Product;
  readonly #faults: Faults;
  readonly #env: Record<string, unknown>;
  readonly #trace: string[] = [];
  readonly #people: Random;
  #calm = false;

  constructor(seed: number, faults: Faults, product: Product) {
    this.seed = seed;
    this.startMs = this.random('start').pick(STARTS);
    this.calmAt = this.startMs + this.random('length').pick(CHAOS_MS);
    this.clock = new Clock(this.startMs);
    this.#faults = faults;
    this.#product = product;
    this.#people = this.random('people');
    const shared = {
      clock: this.clock,
      faults: () => this.faults(),
      trace: (line: string) => this.trace(line),
      objects: (): Objects => this.objects,
    };
    this.objects = new Objects(product.classes, () => this.#env, {
      ...shared,
      random: this.random('objects'),
      after: (binding, name) => checkNow(this, binding, name),
    });
    const network = new Network({ ...shared, random: this.random('network') });
    surround({
      clock: this.clock,
      random: this.random('product'),
      fetch: (input, init) => network.fetch(input, init),
      logged: (life, words) => this.#logged(life, words),
    });
    this.d1 = new D1({ ...shared, random: this.random('d1') });
    this.azure = new AzureDevOps(this, this.#people.between(1, 2));
    this.telegram = new Telegram(this);
    this.talk = new Talk(this);
    this.errands = new Errands(this);
    this.runners = ['a', 'b']
      .slice(0, this.#people.chance(0.7) ? 2 : 1)
      .map((name) => new Runner(this, name, this.#people.between(1, 3)));
    network.add('azure-devops.test', this.azure);
    network.add('telegram.test', this.telegram);
    network.add('anthropic.test', new Model(this));
    for (const runner of this.runners) network.add(`runner-${runner.name}.test`, runner);
    this.budgetUsd = this.#people.chance(0.2) ? this.#people.between(6, 30) : null;
    this.bucket = new Bucket({ ...shared, random: this.random('bucket') });
    this.#env = this.#settings(this.bucket);
  }

  random = (stream: string): Random => new Random(this.seed, stream);
  faults = (): Faults => (this.#calm ? NO_FAULTS : this.#faults);
  newId = (type: 'int', random: Random): string =>
    newId(
      type,
      this.clock.now,
      Uint8Array.from({ length: 10 }, () => random.between(0, 255)),
    );

  get isCalm(): boolean {
    return this.#calm;
  }

  trace(line: string): void {
    const seconds = ((this.clock.now - this.startMs) / 1_000).toFixed(1);
    this.#trace.push(`${seconds.padStart(9)} s  ${line}`);
  }

  violate(what: string): void {
    if (this.violations.includes(what)) return;
    this.trace(`VIOLATION: ${what}`);
    this.violations.push(what);
  }

  // -- what the outside notices

  /** A completion was asked for in our name: a human must have approved it. */
  permitted(request: PullRequest): void {
    const isApproved = this.pressed.some((data) => {
      const [verdict, incident, attempt] = data.split(':');
      return verdict === 'ok' && request.source === `refs/heads/fix/ci-${incident}-${attempt}`;
    });
    if (!isApproved) this.violate(`pull request ${request.id} is completed without approval`);
  }

  sessionStarts(runner: Runner, { id, fence }: RunRequest): void {
    const name = `${id} ${fence}`;
    this.trace(`runner ${runner.name}: session of ${id} under fence ${fence}`);
    this.sessionsOf.set(name, (this.sessionsOf.get(name) ?? 0) + 1);
    if (this.sessionsOf.get(name) !== 1) this.violate(`two sessions of ${id} under fence ${fence}`);
    const acting = this.runners.flatMap((one) => (one === runner ? [] : one.acting(id)));
    if (acting.length > 0) this.violate(`a session of ${id} begins while an older one may still act`);
  }

  /** A session does something outside: no other session of its run may. */
  acts(run: string, _runner: Runner): void {
    const acting = this.runners.flatMap((runner) => runner.acting(run));
    if (acting.length > 1) this.violate(`${acting.length} sessions of ${run} act at once`);
  }

  served(run: string, requestId: string): void {
    this.servedCalls.set(requestId, run);
  }

  /** Asks an object past the network, when all is at rest. */
  async performed(state: ObjectState, method: string): Promise<unknown> {
    return this.objects.deliver(state, method, []);
  }

  // -- asking the Worker

  /** A request from outside; null: no answer came. */
  async ask(
    method: string,
    path: string,
    body: string | null,
    headers: Record<string, string>,
  ): Promise<number | null> {
    const life = new Life('worker', 0);
    return new Promise((resolve) => {
      life.onDeath(() => resolve(null));
      this.clock.after(5, () => {
        const request = new Request(`https://dogwatch.test${path}`, { method, body, headers });
        const answer = within(life, () => this.#product.fetch(request, this.#env, {}));
        answer.then(
          ({ status }) => {
            this.trace(`${method} ${path} → ${status}`);
            if (this.#people.chance(this.faults().lostCall)) resolve(null);
            else resolve(status);
          },
          (error: unknown) => {
            this.violate(`${method} ${path} threw ${String(error)}`);
            resolve(null);
          },
        );
      });
    });
  }

  operator(method: string, path: string): Promise<number | null> {
    return this.ask(method, path, null, { authorization: 'Bearer operator-token' });
  }

  // -- the course of a world

  async run(): Promise<WorldResult> {
    this.#begin();
    this.#tick(60_000);
    const stopAtOnce = (): boolean => this.violations.length > 0;
    await this.clock.run(this.calmAt, stopAtOnce);
    this.#calm = true;
    this.trace('-- calm --');
    this.d1.awayUntil = 0;
    this.telegram.say('/resume');
    if (!stopAtOnce())
      await this.clock.run(this.calmAt + CALM_MS, () => stopAtOnce() || this.clock.busy === 0);
    // What is left to a tick, which is housekeeping, has its time too.
    for (let round = 0; round < MAX_ROUNDS && !stopAtOnce(); round++) {
      await this.clock.run(this.clock.now + 2 * HOUR, stopAtOnce);
      const timers = this.d1.rows('SELECT 1 FROM timers WHERE due_at IS NOT NULL LIMIT 1');
      if (this.clock.busy === 0 && timers.length === 0) break;
    }
    if (!stopAtOnce()) {
      await checkAtRest(this);
      for (const scheduler of this.objects.of('SCHEDULER')) checkScheduler(this, scheduler, this.calmAt);
      checkFoundBuilds(this, this.startMs + HOUR / 2, this.calmAt);
      // It costs a tenth of a world, and finds nothing in a world that it would not find in its neighbour.
      if (this.seed % 2 === 0) await checkBackups(this, this.#product.backups);
    }
    surround(null);
    return { violations: this.violations, trace: this.#trace, figures: this.#figures() };
  }

  close(): void {
    for (const { database } of this.objects.states.values()) database.sqlite.close();
    this.d1.close();
  }

  #begin(): void {
    const schedules = makeSchedules(this);
    this.clock.at(this.calmAt + LAST_LOOK_MS, () => pauseSchedules(this, schedules));
    const floods = this.random('floods');
    if (floods.chance(FLOODED))
      this.clock.at(floods.between(this.startMs + HOUR / 6, this.calmAt), () =>
        this.azure.flood(floods.between(80, 200)),
      );
    const people = this.#people;
    const repositories = this.azure.branches.size;
    for (let n = 1; n <= repositories; n++)
      for (const ref of ['refs/heads/main', 'refs/heads/feature/a', 'refs/heads/feature/b'])
        if (people.chance(ref.endsWith('main') ? 0.8 : 0.2)) this.#commitLater(n, ref, true);
    if (this.azure.pushes.length === 0) this.#commitLater(1, 'refs/heads/main', true);
    for (let at = 0; at < this.calmAt - this.startMs; at += 600_000) {
      this.clock.after(at + people.between(0, 600_000), () => this.#somebodyDoesSomething(repositories));
      this.clock.after(at + people.between(0, 600_000), () => this.#operatorStops());
      this.clock.after(at + people.between(0, 600_000), () => this.talk.aWhile());
      this.clock.after(at + people.between(0, 600_000), () => this.errands.aWhile());
    }
  }

  #commitLater(repository: number, ref: string, broken: boolean): void {
    this.clock.after(this.#people.between(0, HOUR / 2), () => {
      const head = this.azure.head(repository, ref) ?? this.azure.head(repository, 'refs/heads/main');
      const known = this.azure.defectsOf(head);
      const defects = broken ? [...known, this.#people.pick(STEPS)] : [];
      const commit = this.azure.commit(defects, head);
      this.azure.push({ repository, ref, commit: commit.id, by: 'person' });
    });
  }

  #somebodyDoesSomething(repositories: number): void {
    const people = this.#people;
    if (this.#calm || !people.chance(this.faults().people)) return;
    const repository = people.between(1, repositories);
    const open = this.azure.pullRequests.filter(({ status }) => status === 'active');
    const [first] = open;
    const deed = people.pick([
      'break',
      'mend',
      'abandon',
      'merge',
      'push',
      'branch',
      'ask',
      'replay',
      'talk',
      'talk',
    ]);
    if (deed === 'break') this.#commitLater(repository, 'refs/heads/main', true);
    else if (deed === 'mend') this.#commitLater(repository, 'refs/heads/main', false);
    else if (deed === 'branch') this.#commitLater(repository, 'refs/heads/feature/a', people.chance(0.5));
    else if (deed === 'ask') this.telegram.say(people.pick(['check the pipeline', '/status', 'hello']));
    else if (deed === 'replay') this.#replayOne();
    else if (!first) return;
    else if (deed === 'abandon') this.azure.abandon(first);
    else if (deed === 'merge') this.azure.complete(first, 'person');
    else {
      const commit = this.azure.commit(this.azure.defectsOf(first.sourceCommit), first.sourceCommit);
      this.azure.push({ repository: first.repository, ref: first.source, commit: commit.id, by: 'person' });
    }
  }

  #replayOne(): void {
    const [letter] = this.d1.rows(`SELECT id FROM dead_letters WHERE state = 'dead' ORDER BY at LIMIT 1`);
    if (letter)
      void this.operator('POST', `/api/dead-letters/${encodeURIComponent(String(letter.id))}/replay`);
  }

  #operatorStops(): void {
    if (this.#calm || !this.#people.chance(this.faults().stop)) return;
    this.telegram.say('/stop');
    this.clock.after(this.#people.between(60_000, 1_800_000), () => this.telegram.say('/resume'));
  }

  /** The cron tick: rarer than each minute, which is only slower, and rarer still when nothing goes wrong. */
  #tick(delayMs: number): void {
    this.clock.after(
      delayMs,
      () => {
        const bad = this.#people.chance(this.faults().badTick);
        const times = bad ? this.#people.pick([0, 0, 2]) : 1;
        for (let n = 0; n < times; n++) this.#tickOnce();
        this.#tick(this.#calm ? 1_800_000 : 600_000);
      },
      true,
    );
  }

  #tickOnce(): void {
    const life = new Life('worker', 0);
    within(life, () => this.#product.scheduled({ scheduledTime: this.clock.now }, this.#env)).catch(
      (error: unknown) => this.violate(`the tick threw ${String(error)}`),
    );
  }

  #logged(life: string, words: unknown[]): void {
    const text = words.map(String).join(' ');
    this.trace(`${life} logs: ${text.slice(0, 300)}`);
    const isBug = /TypeError|RangeError|ReferenceError|SyntaxError|constraint|no such/i.test(text);
    if (isBug && !/network connection lost/.test(text)) this.violate(`${life} logged ${text.slice(0, 300)}`);
  }

  #settings(artifacts: Bucket): Record<string, unknown> {
    const key = { kty: 'OKP', crv: 'Ed25519', kid: 'worker', x: 'x', d: 'd' };
    const bindings = Object.keys(this.#product.classes).map((name) => [name, this.objects.namespace(name)]);
    return {
      ...Object.fromEntries(bindings),
      DB: this.d1,
      ARTIFACTS: artifacts,
      AZURE_DEVOPS_URL: 'http://azure-devops.test/demo',
      AZURE_DEVOPS_PROJECTS: 'shop',
      AZURE_DEVOPS_PAT: 'pat',
      AZURE_DEVOPS_WEBHOOK_SECRET: 'hook-secret',
      TELEGRAM_API_ROOT: 'http://telegram.test',
      TELEGRAM_BOT_TOKEN: '100:token',
      TELEGRAM_WEBHOOK_SECRET: 'telegram-secret',
      TELEGRAM_CHATS: 'ryan=-1001,cody=-1002:7',
      OPERATOR_TELEGRAM_ID: String(OPERATOR),
      OPERATOR_TOKEN: 'operator-token',
      ANTHROPIC_BASE_URL: 'http://anthropic.test',
      ANTHROPIC_API_KEY: 'key',
      PUBLIC_URL: 'https://dogwatch.test',
      WORKER_SIGNING_KEY: JSON.stringify(key),
      RUNNER_URLS: this.runners.map(({ name }) => `${name}=http://runner-${name}.test`).join(','),
      ...(this.budgetUsd === null ? {} : { MONTHLY_BUDGET_USD: String(this.budgetUsd) }),
    };
  }

  #figures(): Record<string, number> {
    const states = [...this.objects.states.values()];
    const by = (status: string): number =>
      Number(this.d1.rows('SELECT count(*) AS n FROM incidents WHERE status = ?', status)[0]?.n ?? 0);
    return {
      objects: states.length,
      deaths: states.reduce((sum, { deaths }) => sum + deaths, 0),
      pullRequests: this.azure.pullRequests.length,
      messages: this.telegram.sent.length,
      ...this.errands.figures(),
      deadLetters: Number(this.d1.rows('SELECT count(*) AS n FROM dead_letters')[0]?.n ?? 0),
      hours: Math.round((this.clock.now - this.startMs) / HOUR),
      resolved: by('resolved'),
      explained: by('explained'),
      escalated: by('escalated'),
      aborted: by('aborted'),
    };
  }
}
