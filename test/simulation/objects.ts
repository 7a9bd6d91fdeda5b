import type { Clock, Event } from './clock.ts';
import { Database, type Row, type Value } from './database.ts';
import type { Faults } from './faults.ts';
import { currentLife, Died, Life, within } from './life.ts';
import type { Random } from './random.ts';

type Method = (...told: unknown[]) => Promise<unknown>;

interface Instance {
  life: Life;
  object: Record<string, Method>;
  ready: Promise<void>;
}

type ObjectClass = new (ctx: unknown, env: unknown) => object;

export interface ObjectsDeps {
  clock: Clock;
  random: Random;
  faults(): Faults;
  trace(line: string): void;
  /** After a call to an object was performed, or its alarm. */
  after(binding: string, name: string, method: string): void;
}

const ALARM_RETRIES = 6;

/** One object: its SQLite and its alarm outlive every instance of its class. */
export class ObjectState {
  readonly binding: string;
  readonly name: string;
  readonly skewMs: number;
  readonly database = new Database();
  readonly #objects: Objects;
  instance: Instance | null = null;
  alarmAt: number | null = null;
  #alarmEvent: Event | null = null;
  #depth = 0;
  deaths = 0;

  constructor(objects: Objects, binding: string, name: string, skewMs: number) {
    this.#objects = objects;
    this.binding = binding;
    this.name = name;
    this.skewMs = skewMs;
  }

  get title(): string {
    return `${this.binding}/${this.name}`;
  }

  /** For checks: what is kept, past any instance. */
  rows(query: string, ...bindings: Value[]): Row[] {
    return this.database.all(query, bindings);
  }

  setAlarm(at: number | null, tries = 0): void {
    const { clock } = this.#objects.deps;
    clock.cancel(this.#alarmEvent);
    this.alarmAt = at;
    this.#alarmEvent = at === null ? null : clock.at(at - this.skewMs, () => this.#fire(at, tries));
  }

  #fire(at: number, tries: number): void {
    const { deps } = this.#objects;
    if (this.alarmAt !== at) return;
    if (deps.random.chance(deps.faults().lostAlarm) && this.#isFoundByTick()) {
      deps.trace(`${this.title} alarm lost`);
      this.setAlarm(null);
      return;
    }
    const retry = (): void => {
      const isMoved = this.alarmAt !== null && this.alarmAt !== at;
      if (isMoved || tries >= ALARM_RETRIES) return;
      this.setAlarm(deps.clock.now + this.skewMs + 2_000 * 2 ** tries, tries + 1);
    };
    this.#objects
      .deliver(this, 'alarm', [], () => {
        // Moved while the instance was made: this delivery is off.
        if (this.alarmAt !== at) return false;
        this.setAlarm(null);
        return true;
      })
      .then(() => deps.after(this.binding, this.name, 'alarm'))
      .catch(retry);
  }

  /**
   * The tick pokes these at all times, the others when a timer of theirs is overdue in D1: only an alarm that
   * stands for nothing else may be lost.
   */
  #isFoundByTick(): boolean {
    if (['TELEGRAM', 'RUN_POOL', 'SCHEDULER'].includes(this.binding)) return true;
    const waits =
      this.rows(`SELECT 1 FROM outbox WHERE state = 'pending' LIMIT 1`).length +
      this.rows('SELECT 1 FROM projection LIMIT 1').length +
      this.rows('SELECT 1 FROM _backup_dirty LIMIT 1').length;
    return waits === 0;
  }

  kill(why: string): void {
    const { instance } = this;
    if (instance === null) return;
    this.instance = null;
    this.deaths += 1;
    this.#objects.deps.trace(`${this.title} dies: ${why}`);
    instance.life.die();
  }

  /** The instance's view of its state; a dead one has none. */
  contextFor(life: Life): unknown {
    const guard = (): void => {
      if (!life.alive) throw new Died(this.title);
    };
    const exec = (query: string, ...bindings: Value[]) => {
      guard();
      if (this.database.isWrite(query) && this.#objects.crashesNow()) {
        this.kill(
          `at a write${this.#depth > 0 ? ' inside a transaction' : ''}: ${query.trim().slice(0, 50)}`,
        );
        throw new Died(this.title);
      }
      const rows = this.database.all(query, bindings);
      return { toArray: () => rows };
    };
    const context = {
      id: { name: this.name },
      storage: {
        sql: { exec },
        transactionSync: <T>(work: () => T): T => {
          guard();
          const alarmBefore = this.alarmAt;
          const point = `s${this.#depth}`;
          this.database.sqlite.exec(`SAVEPOINT ${point}`);
          this.#depth += 1;
          try {
            const result = work();
            guard();
            this.database.sqlite.exec(`RELEASE ${point}`);
            return result;
          } catch (error) {
            this.database.rollBackTo(point);
            if (this.alarmAt !== alarmBefore) this.setAlarm(alarmBefore);
            throw error;
          } finally {
            this.#depth -= 1;
          }
        },
        getAlarm: async () => {
          guard();
          return this.alarmAt;
        },
        setAlarm: async (at: number) => {
          guard();
          if (!Number.isFinite(at)) throw new TypeError(`alarm at ${at}`);
          this.setAlarm(at);
        },
        deleteAlarm: async () => {
          guard();
          this.setAlarm(null);
        },
      },
      blockConcurrencyWhile: <T>(work: () => Promise<T>): Promise<T> => {
        const done = work();
        gate = Promise.all([gate, done]).then(() => {});
        return done;
      },
      waitUntil: (work: Promise<unknown>) => {
        void work.catch(() => {});
      },
    };
    let gate: Promise<void> = Promise.resolve();
    return Object.assign(context, { gate: () => gate });
  }
}

/** All objects of a world, and the calls between them. */
export class Objects {
  readonly deps: ObjectsDeps;
  readonly states = new Map<string, ObjectState>();
  readonly #classes: Record<string, ObjectClass>;
  readonly #env: () => unknown;
  #writesLeft = -1;

  constructor(classes: Record<string, ObjectClass>, env: () => unknown, deps: ObjectsDeps) {
    this.#classes = classes;
    this.#env = env;
    this.deps = deps;
  }

  of(binding: string): ObjectState[] {
    return [...this.states.values()].filter((state) => state.binding === binding);
  }

  find(binding: string, name: string): ObjectState | null {
    return this.states.get(`${binding}/${name}`) ?? null;
  }

  /** A namespace binding; only `getByName` is used. */
  namespace(binding: string): unknown {
    return {
      getByName: (name: string) =>
        new Proxy(
          {},
          {
            get: (_, method: string) =>
              method === 'then'
                ? undefined
                : (...told: unknown[]) => this.call(binding, name, method, structuredClone(told)),
          },
        ),
    };
  }

  crashesNow(): boolean {
    const { random, faults } = this.deps;
    const mean = faults().writesPerCrash;
    if (mean === 0) return false;
    if (this.#writesLeft < 0) this.#writesLeft = random.exponential(mean);
    this.#writesLeft -= 1;
    return this.#writesLeft < 0;
  }

  /** A call over the network, from whoever runs now: it may come late, be lost, or lose its answer. */
  call(binding: string, name: string, method: string, told: unknown[]): Promise<unknown> {
    const { clock, random, faults, trace, after } = this.deps;
    // One that was never touched has nothing to look after; but the clock begins with a poke.
    if (method === 'poke' && binding !== 'SCHEDULER' && this.find(binding, name) === null)
      return Promise.resolve();
    const caller = currentLife();
    const latency = () => (random.chance(0.03) ? random.between(200, 4_000) : random.between(0, 12));
    return new Promise((resolve, reject) => {
      const answer = (give: () => void): void => {
        clock.after(latency(), () => {
          this.crashAtAwait(caller);
          if (caller?.alive !== false) give();
        });
      };
      if (random.chance(faults().lostCall / 2)) return answer(() => reject(lost(`${binding}.${method}`)));
      clock.after(latency(), () => {
        this.deliver(this.#state(binding, name), method, told).then(
          (result) => {
            after(binding, name, method);
            if (random.chance(faults().lostCall / 2)) {
              trace(`${binding}/${name} ${method} answer lost`);
              answer(() => reject(lost(`${binding}.${method}`)));
            } else answer(() => resolve(structuredClone(result)));
          },
          (error: unknown) => answer(() => reject(lost(String(error)))),
        );
      });
    });
  }

  /** Performs a method in the living instance, or in a new one. Rejects when the instance dies under it. */
  async deliver(
    state: ObjectState,
    method: string,
    told: unknown[],
    mayBegin: () => boolean = () => true,
  ): Promise<unknown> {
    const instance = this.#alive(state);
    const { life } = instance;
    return new Promise((resolve, reject) => {
      const forget = life.onDeath(() => reject(new Died(`${state.title} was reset`)));
      const work = async (): Promise<unknown> => {
        await instance.ready;
        if (!life.alive || !mayBegin()) return undefined;
        const perform = instance.object[method];
        if (perform === undefined) throw new TypeError(`${state.title} has no ${method}`);
        if (method !== 'poke') this.deps.trace(`${state.title} ${method} ${brief(told)}`);
        return perform.apply(instance.object, told);
      };
      within(life, work).then(
        (result) => {
          forget();
          if (life.alive) resolve(result);
        },
        (error: unknown) => {
          forget();
          reject(error);
        },
      );
    });
  }

  /** While somebody waits for an answer, anything may happen to it. */
  crashAtAwait(life: Life | null): void {
    if (life?.alive !== true || !this.deps.random.chance(this.deps.faults().crashAtAwait)) return;
    const state = this.states.get(life.name);
    if (state?.instance?.life === life) state.kill('while it waited');
    else life.die();
  }

  #state(binding: string, name: string): ObjectState {
    const key = `${binding}/${name}`;
    let state = this.states.get(key);
    if (!state) {
      const { skewMs } = this.deps.faults();
      state = new ObjectState(this, binding, name, this.deps.random.between(-skewMs, skewMs));
      this.states.set(key, state);
    }
    return state;
  }

  #alive(state: ObjectState): Instance {
    if (state.instance) return state.instance;
    const life = new Life(state.title, state.skewMs);
    const context = state.contextFor(life) as { gate(): Promise<void> };
    const Class = this.#classes[state.binding];
    if (!Class) throw new TypeError(`no class for ${state.binding}`);
    const instance: Instance = { life, object: {}, ready: Promise.resolve() };
    state.instance = instance;
    try {
      instance.object = within(life, () => new Class(context, this.#env())) as Instance['object'];
    } catch (error) {
      if (state.instance === instance) state.kill(`its constructor failed: ${String(error)}`);
      throw error;
    }
    instance.ready = context.gate();
    instance.ready.catch((error: unknown) => {
      if (state.instance === instance) state.kill(`it could not begin: ${String(error)}`);
    });
    return instance;
  }
}

class NetworkLost extends Error {
  override name = 'NetworkLost';
  readonly retryable = true;
}

const lost = (what: string): NetworkLost => new NetworkLost(`network connection lost: ${what}`);

export function brief(value: unknown): string {
  const text = JSON.stringify(value) ?? '';
  return text.length > 160 ? `${text.slice(0, 160)}…` : text;
}
