import { vi } from 'vitest';

export interface OutsideRequest {
  method: string;
  url: URL;
  headers: Headers;
  body: unknown;
}

export type Answer = (request: OutsideRequest) => Response | undefined | Promise<Response | undefined>;

/** Stands in for every service outside: answers by the first handler that does, and keeps what was asked. */
export class Outside {
  readonly requests: OutsideRequest[] = [];
  readonly #answers: Answer[] = [];

  constructor() {
    vi.stubGlobal('fetch', (input: RequestInfo | URL, init?: RequestInit) =>
      this.#fetch(new Request(input, init)),
    );
  }

  /** Later handlers are asked first. */
  on(answer: Answer): this {
    this.#answers.unshift(answer);
    return this;
  }

  /** Answers JSON for requests of this method whose path and query match. */
  json(method: string, path: RegExp, give: (request: OutsideRequest) => unknown, status = 200): this {
    return this.on((request) => {
      if (request.method !== method || !path.test(request.url.pathname + request.url.search))
        return undefined;
      const answer = give(request);
      return answer instanceof Response ? answer : Response.json(answer, { status });
    });
  }

  asked(method: string, path: RegExp): OutsideRequest[] {
    return this.requests.filter(
      (request) => request.method === method && path.test(request.url.pathname + request.url.search),
    );
  }

  async #fetch(request: Request): Promise<Response> {
    const text = await request.text();
    let body: unknown = text;
    try {
      body = JSON.parse(text);
    } catch {
      // Not every body is JSON.
    }
    const seen = { method: request.method, url: new URL(request.url), headers: request.headers, body };
    this.requests.push(seen);
    for (const answer of this.#answers) {
      const response = await answer(seen);
      if (response) return response;
    }
    return Response.json(
      { message: `nobody answers ${request.method} ${seen.url.pathname}` },
      { status: 404 },
    );
  }
}

/** Waits until `probe` gives something; objects work beside the request that woke them. */
export async function until<T>(
  probe: () => Promise<T | null | undefined | false>,
  timeoutMs = 8_000,
): Promise<T> {
  const end = Date.now() + timeoutMs;
  for (;;) {
    const value = await probe();
    if (value) return value;
    if (Date.now() > end) throw new Error('it did not happen in time');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
