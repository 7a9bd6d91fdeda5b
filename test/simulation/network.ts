import { forgetTimeout } from './globals.ts';
import { currentLife, type Life } from './life.ts';
import type { OutsideDeps } from './storage.ts';

export interface Asked {
  method: string;
  url: URL;
  path: string;
  body: unknown;
  headers: Headers;
  /** Who asked. */
  life: Life | null;
}

export interface Answer {
  status: number;
  body: unknown;
  headers?: Record<string, string>;
}

/** One outside service: it acts at once when asked; the network around it does the rest. */
export interface Service {
  /** Chance that a call goes wrong. */
  trouble(): number;
  latencyMs(): number;
  perform(asked: Asked): Answer;
  /** What it answers when it fails before doing anything. */
  failure(): Answer;
  /** It acted, and nobody who asked heard of it. */
  unheard?(asked: Asked, answer: Answer): void;
  /** It is about to act a second time on one request. */
  twice?(asked: Asked): void;
}

type Trouble =
  | 'none'
  | 'unreachable'
  | 'fails'
  | 'answer_lost'
  | 'fails_after'
  | 'late'
  | 'acts_late'
  | 'twice';
const TROUBLES: [Trouble, ...Trouble[]] = [
  'unreachable',
  'fails',
  'fails',
  'fails',
  'answer_lost',
  'fails_after',
  'late',
  'acts_late',
  'twice',
];

/** The network between product code and the services, with all that a network does. */
export class Network {
  readonly #deps: OutsideDeps & { trace(line: string): void };
  readonly #services = new Map<string, Service>();

  constructor(deps: OutsideDeps & { trace(line: string): void }) {
    this.#deps = deps;
  }

  add(host: string, service: Service): void {
    this.#services.set(host, service);
  }

  fetch(input: string | URL | Request, init: RequestInit = {}): Promise<Response> {
    const url = new URL(input instanceof Request ? input.url : input);
    const service = this.#services.get(url.host);
    if (!service) return Promise.reject(new TypeError(`no host ${url.host}`));
    const asked: Asked = {
      method: (init.method ?? 'GET').toUpperCase(),
      url,
      path: decodeURIComponent(url.pathname),
      body: bodyOf(init.body),
      headers: new Headers(init.headers),
      life: currentLife(),
    };
    return this.#send(service, asked, init.signal ?? null);
  }

  #send(service: Service, asked: Asked, signal: AbortSignal | null): Promise<Response> {
    const { clock, random, trace, objects } = this.#deps;
    const trouble = random.chance(service.trouble()) ? random.pick(TROUBLES) : 'none';
    const what = `${asked.method} ${asked.url.host}${asked.path.slice(0, 100)}`;
    if (trouble !== 'none') trace(`${what}: ${trouble}`);
    const slow = random.between(10_000, 60_000);
    return new Promise((resolve, reject) => {
      let isOver = false;
      const finish = (answer: Answer | null, acted: Answer | null): void => {
        objects().crashAtAwait(asked.life);
        const isHeard = !isOver && answer !== null && asked.life?.alive !== false;
        if (acted !== null && (!isHeard || answer !== acted)) service.unheard?.(asked, acted);
        else if (acted !== null && asked.life) {
          // It may die of the next write, before it has noted what it heard.
          const noted = asked.life.onDeath(() => service.unheard?.(asked, acted));
          clock.after(0, noted);
        }
        if (isOver || asked.life?.alive === false) return;
        isOver = true;
        forgetTimeout(signal);
        if (answer === null) reject(new TypeError('network connection lost'));
        else resolve(responseOf(answer));
      };
      signal?.addEventListener('abort', () => {
        if (isOver) return;
        isOver = true;
        reject(signal.reason);
      });
      const there = trouble === 'acts_late' ? slow : service.latencyMs();
      clock.after(there / 2, () => {
        if (trouble === 'unreachable') return finish(null, null);
        if (trouble === 'fails') return finish(service.failure(), null);
        let acted = service.perform(asked);
        trace(`${what} → ${acted.status}`);
        if (trouble === 'twice') {
          service.unheard?.(asked, acted);
          service.twice?.(asked);
          acted = service.perform(asked);
        }
        const back = trouble === 'late' ? slow : there / 2;
        clock.after(back, () => {
          if (trouble === 'answer_lost') finish(null, acted);
          else if (trouble === 'fails_after')
            finish({ status: 502, body: { message: 'bad gateway' } }, acted);
          else finish(acted, acted);
        });
      });
    });
  }
}

function bodyOf(body: unknown): unknown {
  if (body === undefined || body === null) return null;
  const text = typeof body === 'string' ? body : new TextDecoder().decode(body as Uint8Array);
  return text === '' ? null : (JSON.parse(text) as unknown);
}

function responseOf({ status, body, headers }: Answer): Response {
  const text = body === null ? null : typeof body === 'string' ? body : JSON.stringify(body);
  const type = typeof body === 'string' ? 'text/plain' : 'application/json';
  return new Response(text, { status, headers: { 'content-type': type, ...headers } });
}
