import { env } from 'cloudflare:workers';
import { AsyncLocalStorage } from 'node:async_hooks';
import * as worker from '../../../workers/index.ts';

/**
 * Whatever product code waits for outside of its own object: a service, another object, D1, R2. Each wait is known by who
 * waits and for what, and one of them can be lost: then it never comes back, as in an isolate that died.
 */

const CLASSES = {
  INBOX: worker.Inbox,
  INCIDENT: worker.Incident,
  GROUP_QUEUE: worker.GroupQueue,
  RUN: worker.Run,
  RUN_POOL: worker.RunPool,
  RELAY_POLICY: worker.RelayPolicy,
  SCHEDULER: worker.Scheduler,
  TELEGRAM: worker.Telegram,
} as const;
export type Binding = keyof typeof CLASSES;
const BINDINGS = Object.keys(CLASSES) as Binding[];

/** One object. */
export interface Place {
  binding: Binding;
  name: string;
}

/** `by`: null stands for the Worker itself. `nth`: the how-manieth of its label in this course, from 1. */
export interface Await {
  by: Place | null;
  asks: Place | null;
  label: string;
  nth: number;
}

/**
 * Where all ends for somebody. `before`: what was to be asked is not asked any more. `after`: it is done, and nobody hears of
 * it. `victim`: who is torn down: every object, as with a deploy; the one that waits; the one that was asked; or, `evicted`,
 * the one that waits, while its answer comes.
 */
export interface Loss {
  label: string;
  nth: number;
  side: 'before' | 'after';
  victim: 'all' | 'waiting' | 'asked' | 'evicted';
}

/** One course: what was waited for, which objects were asked, and what was lost. */
export class Watch {
  readonly awaits: Await[] = [];
  readonly touched = new Map<string, Place>();
  readonly loss: Loss | null;
  lost: Await | null = null;
  readonly #counts = new Map<string, number>();

  constructor(loss: Loss | null) {
    this.loss = loss;
  }

  note(by: Place | null, asks: Place | null, what: string): Await {
    const label = `${by?.binding ?? 'WORKER'} → ${what}`;
    const nth = (this.#counts.get(label) ?? 0) + 1;
    this.#counts.set(label, nth);
    const one = { by, asks, label, nth };
    this.awaits.push(one);
    return one;
  }
}

type Callable = (...told: unknown[]) => Promise<unknown>;
const TEST = 'test';
const WORKER = 'worker';
const who = new AsyncLocalStorage<Place | typeof TEST | typeof WORKER>();
const never = (): Promise<never> => new Promise(() => {});
/** An answer comes so much later than its object began to be evicted. */
const EVICTION_MS = 400;

let watch: Watch | null = null;
/** What a deploy would tell each object besides the settings of all tests. */
let settings: Record<string, string> = {};

export const watchWith = (next: Watch | null): void => {
  watch = next;
};
export const deployWith = (more: Record<string, string>): void => {
  settings = more;
  Object.assign(env, more);
};
/** What a test asks by itself is no product code that waits. */
export const asTest = <T>(work: () => T): T => who.run(TEST, work);

/** What the Worker does that no test can ask it for. */
export const asWorker = <T>(work: () => T): T => who.run(WORKER, work);

async function heard(asks: Place | null, what: string, call: () => Promise<unknown>): Promise<unknown> {
  const by = who.getStore();
  const course = watch;
  if (course === null || by === TEST) return call();
  const one = course.note(by === undefined || by === WORKER ? null : by, asks, what);
  const { loss } = course;
  const isLost = loss?.label === one.label && loss.nth === one.nth && course.lost === null;
  const lose = (): Promise<never> => {
    // Only noted: whoever tears down the object that runs now would tear down himself.
    course.lost = one;
    return loss?.victim === 'asked'
      ? Promise.reject(new Error('the object that was asked is gone'))
      : never();
  };
  if (isLost && loss.side === 'before') return lose();
  const answer = call();
  if (!isLost) return answer;
  await Promise.allSettled([answer]);
  const lost = lose();
  if (loss.victim !== 'evicted') return lost;
  await new Promise((resolve) => setTimeout(resolve, EVICTION_MS));
  return answer;
}

/** The name of an id tells its class: an object’s own environment holds other namespaces of the same classes. */
const bindings = new WeakMap<object, Binding>();
function bindingOf(namespace: DurableObjectNamespace): Binding {
  const known = bindings.get(namespace);
  if (known) return known;
  const id = namespace.idFromName('x').toString();
  const binding = BINDINGS.find((one) => env[one].idFromName('x').toString() === id);
  if (!binding) throw new Error('a namespace of no known class');
  bindings.set(namespace, binding);
  return binding;
}

/** To be called once per file, before anything else. */
export function countAwaits(): void {
  for (const binding of BINDINGS) knowWhoWaits(binding);
  const namespaces = Object.getPrototypeOf(env.INCIDENT) as { getByName: unknown };
  const getByName = namespaces.getByName as (name: string) => DurableObjectStub;
  namespaces.getByName = function (this: DurableObjectNamespace, name: string) {
    const stub = getByName.call(this, name);
    const by = who.getStore();
    if (by === TEST) return stub;
    const place = { binding: bindingOf(this), name };
    watch?.touched.set(`${place.binding} ${name}`, place);
    return new Proxy(stub, {
      get: (target, method) => {
        const call = Reflect.get(target, method) as Callable;
        if (typeof call !== 'function') return call;
        return (...told: unknown[]) =>
          heard(place, `${place.binding}.${String(method)}`, () => Reflect.apply(call, target, told));
      },
    });
  };
  const statements = Object.getPrototypeOf(env.DB.prepare('SELECT 1')) as object;
  patch(Object.getPrototypeOf(env.DB), ['batch', 'exec'], (method) => `D1.${method}`);
  patch(statements, ['first', 'all', 'run', 'raw'], (method) => `D1.${method}`);
  patch(
    Object.getPrototypeOf(env.ARTIFACTS),
    ['put', 'get', 'head', 'list', 'delete'],
    (method, [key]) => `R2.${method} ${typeof key === 'string' ? key.split('/')[0] : ''}`,
  );
  patch(globalThis, ['fetch'], (_, told) => fetchLabel(told));
}

function patch(where: object, methods: string[], label: (method: string, told: unknown[]) => string): void {
  for (const method of methods) {
    const plain = Reflect.get(where, method) as Callable;
    Reflect.set(where, method, function (this: unknown, ...told: unknown[]) {
      return heard(null, label(method, told), () => plain.apply(this, told));
    });
  }
}

function fetchLabel([input, init]: unknown[]): string {
  const url = new URL(input instanceof Request ? input.url : String(input));
  const method =
    input instanceof Request ? input.method : ((init as RequestInit | undefined)?.method ?? 'GET');
  const path = url.pathname
    .split('/')
    .map((part) => (/\d|token/.test(part) && !/^v\d$/.test(part) ? '*' : part))
    .join('/');
  return `${method} ${url.host}${path}`;
}

/** Whatever a method of this class begins is waited for by its object. */
function knowWhoWaits(binding: Binding): void {
  const own = CLASSES[binding].prototype as object;
  const names = new Set<string>();
  for (let at = own; at !== Object.prototype; at = Object.getPrototypeOf(at) as object) {
    if (at.constructor.name === 'DurableObject') break;
    for (const name of Object.getOwnPropertyNames(at)) names.add(name);
  }
  names.delete('constructor');
  for (const name of names) {
    const plain = Reflect.get(own, name) as unknown;
    if (typeof plain !== 'function') continue;
    Reflect.defineProperty(own, name, {
      configurable: true,
      writable: true,
      value(this: { ctx: DurableObjectState; env: object }, ...told: unknown[]) {
        Object.assign(this.env, settings);
        const place = { binding, name: this.ctx.id.name ?? '' };
        return who.run(place, () => (plain as Callable).apply(this, told));
      },
    });
  }
}
