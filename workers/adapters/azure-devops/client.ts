import { z } from 'zod';
import type { AzureDevOpsSettings } from '../../env.ts';
import { parseRetryAfterMs } from '../retry-after.ts';
import { AzureDevOpsError } from './error.ts';

/** One answer of the API has this long; a service hook's resolution must not hang on a quiet server. */
const TIMEOUT_MS = 20_000;
/** Logs are streamed: this bounds the whole transfer of a large one. */
const STREAM_TIMEOUT_MS = 120_000;
const API_VERSION = '7.1';

export interface AzureDevOps {
  url: string;
  organisation: string;
  projects: string[];
  /** `path` is relative to the organisation and starts with a slash; query values are given apart. */
  get<T>(path: string, schema: z.ZodType<T>, query?: Record<string, string>): Promise<T>;
  /** Null where the thing does not exist (404). */
  find<T>(path: string, schema: z.ZodType<T>, query?: Record<string, string>): Promise<T | null>;
  send<T>(method: 'POST' | 'PATCH', path: string, schema: z.ZodType<T>, body: unknown): Promise<T>;
  /** Null where the thing does not exist (404). */
  stream(path: string): Promise<ReadableStream<Uint8Array> | null>;
}

/** Joins path segments; every one is escaped, so that a name can never become a path or a query. */
export function pathOf(...segments: (string | number)[]): string {
  return segments.map((segment) => `/${encodeURIComponent(segment)}`).join('');
}

const apiErrorSchema = z.object({ message: z.string(), typeKey: z.string().nullish() });

export function azureDevOpsClient(settings: AzureDevOpsSettings): AzureDevOps {
  const authorization = `Basic ${btoa(`:${settings.pat}`)}`;

  async function call(
    method: string,
    path: string,
    query: Record<string, string>,
    accept: string,
    body?: unknown,
  ) {
    const url = `${settings.url}${path}?${new URLSearchParams({ ...query, 'api-version': API_VERSION })}`;
    let response: Response;
    try {
      response = await fetch(url, {
        method,
        headers: {
          authorization,
          accept,
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        // A redirect could carry the credential to another host, and for a bad token it leads to a sign-in page.
        redirect: 'manual',
        signal: AbortSignal.timeout(accept === 'text/plain' ? STREAM_TIMEOUT_MS : TIMEOUT_MS),
      });
    } catch (cause) {
      throw new AzureDevOpsError(`${method} ${path} got no answer`, { status: null, retryable: true, cause });
    }
    if (response.ok && response.status !== 203) return response;
    throw await errorOf(method, path, response);
  }

  async function json<T>(response: Response, path: string, schema: z.ZodType<T>): Promise<T> {
    let value: unknown;
    try {
      // 204 is how a build that never started says that it has no timeline.
      value = response.status === 204 ? null : await response.json();
    } catch (cause) {
      throw new AzureDevOpsError(`${path} did not answer JSON`, {
        status: response.status,
        retryable: true,
        cause,
      });
    }
    const parsed = schema.safeParse(value);
    if (!parsed.success)
      throw new AzureDevOpsError(`${path} answered an unknown shape: ${z.prettifyError(parsed.error)}`, {
        status: response.status,
        retryable: false,
      });
    return parsed.data;
  }

  const get = async <T>(path: string, schema: z.ZodType<T>, query: Record<string, string> = {}) =>
    json(await call('GET', path, query, 'application/json'), path, schema);

  return {
    url: settings.url,
    organisation: settings.organisation,
    projects: settings.projects,
    get,
    find: (path, schema, query) => unlessMissing(() => get(path, schema, query)),
    send: async (method, path, schema, body) =>
      json(await call(method, path, {}, 'application/json', body), path, schema),
    stream: (path) =>
      unlessMissing(async () => {
        const response = await call('GET', path, {}, 'text/plain');
        return response.body ?? new Blob([]).stream();
      }),
  };
}

async function unlessMissing<T>(work: () => Promise<T>): Promise<T | null> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof AzureDevOpsError && error.status === 404) return null;
    throw error;
  }
}

async function errorOf(method: string, path: string, response: Response): Promise<AzureDevOpsError> {
  const { status } = response;
  // 203 and redirects lead to a sign-in page: the token is wrong or has expired.
  if (status === 203 || status === 401 || (status >= 300 && status < 400)) {
    await response.body?.cancel();
    return new AzureDevOpsError(`${method} ${path}: the personal access token was not accepted`, {
      status,
      retryable: false,
    });
  }
  const told = apiErrorSchema.safeParse(await response.json().catch(() => null));
  return new AzureDevOpsError(
    `${method} ${path}: ${status}${told.success ? ` ${told.data.message.slice(0, 500)}` : ''}`,
    {
      status,
      retryable: status === 408 || status === 429 || status >= 500,
      retryAfterMs: parseRetryAfterMs(response.headers.get('retry-after'), Date.now()),
      typeKey: told.success ? (told.data.typeKey ?? null) : null,
    },
  );
}
