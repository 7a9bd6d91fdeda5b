import { createHash } from 'node:crypto';
import type { Clock, Event } from './clock.ts';
import { currentLife, within } from './life.ts';
import type { Random } from './random.ts';

/** What the world is made of for code that asks the runtime. */
export interface Surroundings {
  clock: Clock;
  random: Random;
  fetch(input: string | URL | Request, init?: RequestInit): Promise<Response>;
  /** An error that product code logged. */
  logged(life: string, words: unknown[]): void;
}

let around: Surroundings | null = null;

/** Null: nobody's world; asking for anything is a bug of the simulation. */
export function surround(world: Surroundings | null): void {
  around = world;
}

function world(): Surroundings {
  if (around === null) throw new Error('product code runs outside a world');
  return around;
}

const RealDate = Date;
const nowMs = (): number =>
  around === null ? RealDate.now() : around.clock.now + (currentLife()?.skewMs ?? 0);

class VirtualDate extends RealDate {
  constructor(...told: [] | [string | number | Date]) {
    if (told.length === 0) super(nowMs());
    else super(told[0]);
  }
  static override now(): number {
    return nowMs();
  }
}

const timeouts = new WeakMap<AbortSignal, Event>();

/** A call is over: its time-out need not be waited for. */
export function forgetTimeout(signal: AbortSignal | null | undefined): void {
  if (signal) world().clock.cancel(timeouts.get(signal) ?? null);
}

function timeoutSignal(ms: number): AbortSignal {
  const controller = new AbortController();
  const life = currentLife();
  const event = world().clock.after(ms, () => {
    if (life?.alive !== false)
      within(life, () => controller.abort(new DOMException('timed out', 'TimeoutError')));
  });
  timeouts.set(controller.signal, event);
  return controller.signal;
}

/** The time-out of a dead one would keep the world busy for nothing. */
function virtualTimeout(work: (...told: unknown[]) => void, ms = 0, ...told: unknown[]): Event {
  const life = currentLife();
  return world().clock.after(ms, () => {
    if (life?.alive !== false) within(life, () => work(...told));
  });
}

function fill<T extends ArrayBufferView>(view: T): T {
  const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
  for (let i = 0; i < bytes.length; i++) bytes[i] = world().random.between(0, 255);
  return view;
}

/** Digests are real; signatures are not what is simulated, and real ones would be made on other threads. */
const subtle = {
  digest: async (_algorithm: string, data: Uint8Array) => {
    const { buffer, byteOffset, byteLength } = createHash('sha256').update(data).digest();
    return buffer.slice(byteOffset, byteOffset + byteLength);
  },
  importKey: async () => ({ type: 'private', algorithm: { name: 'Ed25519' }, usages: ['sign', 'verify'] }),
  sign: async () => new ArrayBuffer(64),
  verify: async () => true,
};

/** Puts virtual time, seeded chance and the simulated network under everything in this thread. */
export function virtualise(): void {
  const define = (name: string, value: unknown) =>
    Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
  define('Date', VirtualDate);
  define('setTimeout', virtualTimeout);
  define('clearTimeout', (event: Event | null | undefined) => world().clock.cancel(event ?? null));
  define('fetch', (input: string | URL | Request, init?: RequestInit) => world().fetch(input, init));
  define('crypto', { subtle, getRandomValues: fill, randomUUID: () => world().random.hex(32) });
  Math.random = () => world().random.next();
  AbortSignal.timeout = timeoutSignal;
  const log =
    (..._level: string[]) =>
    (...words: unknown[]) => {
      if (around !== null && currentLife() !== null) {
        if (currentLife()?.alive) around.logged(currentLife()?.name ?? '', words);
      } else process.stderr.write(`${words.map(String).join(' ')}\n`);
    };
  console.error = log('error');
  console.warn = log('warn');
}
