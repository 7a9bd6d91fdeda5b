/** The operator API as its clients use it: the CLI, the demo, tests. */

export class OperatorApiError extends Error {
  readonly status: number;

  constructor(path: string, status: number, detail: string) {
    super(`${path} answered ${status}: ${detail}`);
    this.name = 'OperatorApiError';
    this.status = status;
  }
}

export interface OperatorApi {
  get<T>(path: string): Promise<T>;
  text(path: string): Promise<string>;
  send<T>(method: 'POST' | 'PUT' | 'DELETE', path: string, body?: unknown): Promise<T>;
  /** All items of a list, following its cursor up to `limit` items. */
  list<T>(path: string, limit?: number): Promise<T[]>;
}

const TIMEOUT_MS = 30_000;

/** Talks to a Worker at `url` as the operator. Throws `OperatorApiError` with the problem's own words. */
export function operatorApi(url: string, token: string): OperatorApi {
  async function ask(method: string, path: string, body?: unknown): Promise<string> {
    const response = await fetch(`${url}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    const text = await response.text();
    if (!response.ok) throw new OperatorApiError(path, response.status, problemText(text));
    return text;
  }
  async function call<T>(method: string, path: string, body?: unknown): Promise<T> {
    const text = await ask(method, path, body);
    return (text === '' ? null : JSON.parse(text)) as T;
  }
  return {
    get: (path) => call('GET', path),
    text: (path) => ask('GET', path),
    send: (method, path, body) => call(method, path, body),
    async list<T>(path: string, limit = 1_000): Promise<T[]> {
      const items: T[] = [];
      let cursor: string | null = null;
      do {
        const separator = path.includes('?') ? '&' : '?';
        const page: { items: T[]; cursor: string | null } = await call(
          'GET',
          cursor === null ? path : `${path}${separator}cursor=${encodeURIComponent(cursor)}`,
        );
        items.push(...page.items);
        cursor = page.cursor;
      } while (cursor !== null && items.length < limit);
      return items;
    },
  };
}

function problemText(text: string): string {
  try {
    const problem = JSON.parse(text) as { title?: string; detail?: string };
    return [problem.title, problem.detail].filter(Boolean).join(': ') || text;
  } catch {
    return text.slice(0, 500);
  }
}
