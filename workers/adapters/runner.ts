import { z } from 'zod';
import { type ProbeAnswer, probeAnswerSchema } from '../../core/contracts/host-command.ts';
import { type Intent, type IntentOutcome, intentOutcomeSchema } from '../../core/contracts/intents.ts';
import type { RunMessage, RunRequest } from '../../core/contracts/run.ts';
import { utf8 } from '../../wire/encoding.ts';
import { parseSigningKey } from '../../wire/keys.ts';
import { newNonce, signRequest } from '../../wire/sign-request.ts';
import { type Env, runnerUrls, type Settings, workerSigningKey } from '../env.ts';
import { parseRetryAfterMs } from './retry-after.ts';

/** The runner said no, or could not be reached (`status` null). */
export class RunnerError extends Error {
  override name = 'RunnerError';
  readonly status: number | null;
  readonly code: string | null;
  readonly retryable: boolean;
  readonly retryAfterMs: number | null;
  readonly timedOut: boolean;

  constructor(
    message: string,
    about: { status: number | null; code?: string | null; retryAfterMs?: number | null; cause?: unknown },
  ) {
    super(message, about.cause === undefined ? undefined : { cause: about.cause });
    this.status = about.status;
    this.code = about.code ?? null;
    this.retryAfterMs = about.retryAfterMs ?? null;
    this.timedOut = about.cause instanceof Error && about.cause.name === 'TimeoutError';
    const { status } = about;
    this.retryable = status === null || status === 401 || status === 408 || status === 429 || status >= 500;
  }
}

/** A start that a runner takes its time over is asked for again; it is idempotent. */
const TIMEOUT_MS = 20_000;
/** A push clones, checks and pushes. It is idempotent: the next try finds it done. */
const INTENT_TIMEOUT_MS = 28_000;
/** Ten seconds to connect, twenty for the slowest command, and some to give up on it. */
const PROBE_TIMEOUT_MS = 50_000;

const problemSchema = z.object({ code: z.string().optional(), detail: z.string().optional() });

export interface RunnerClient {
  /**
   * 202 `started`, 200 `known`, 409 `stale_fence`, 429 `full`; the rest throws `RunnerError`. A run that runs
   * under this very lease is known, even if a deploy has changed what it would be told today.
   */
  startRun(
    runner: string,
    request: RunRequest,
  ): Promise<
    { status: 'started' | 'known' | 'stale_fence' } | { status: 'full'; retryAfterMs: number | null }
  >;
  /** Ends a run under this lease. False: it is unknown there, or has a newer lease, and is not ours to end. */
  cancelRun(runner: string, run: string, fence: number, reason: string, timeoutMs?: number): Promise<boolean>;
  /**
   * A message for the session under this fence, once by its id. A session that has ended, or that a newer lease has
   * replaced, takes none: it stays with the run.
   */
  sendMessage(runner: string, run: string, message: RunMessage): Promise<void>;
  /**
   * `runner`: who checked the intent; another one is asked where that one is gone, but not for a command on a
   * host: only the runner that may have begun it knows that it did.
   * `lend` is awaited before another one is asked.
   */
  performIntent(
    runner: string | null,
    request: { run: string; fence: number; digest: string; intent: Intent },
    lend: (runner: string) => Promise<void>,
  ): Promise<IntentOutcome>;
  /** How a host is, as that runner sees it. That it cannot be reached is an answer, not an error. */
  probe(runner: string, host: string): Promise<ProbeAnswer>;
  health(runner: string): Promise<unknown>;
}

/** Signed requests to the runners of `RUNNER_URLS`. */
export function runnerClient(env: Env | Settings): RunnerClient {
  const urls = runnerUrls(env);
  const key = parseSigningKey(JSON.stringify(workerSigningKey(env)));

  async function send(
    runner: string,
    method: string,
    path: string,
    body: unknown,
    timeoutMs: number,
  ): Promise<Response> {
    const base = urls.get(runner);
    if (base === undefined) throw new RunnerError(`no runner is called ${runner}`, { status: 404 });
    const url = `${base}${path}`;
    const bytes = utf8(body === undefined ? '' : JSON.stringify(body));
    const headers = await signRequest({
      method,
      url,
      body: bytes,
      key,
      nowMs: Date.now(),
      nonce: newNonce(),
      authority: new URL(url).host,
    });
    try {
      return await fetch(url, {
        method,
        headers,
        body: bytes.byteLength > 0 ? bytes : null,
        redirect: 'manual',
        signal: AbortSignal.timeout(timeoutMs),
      });
    } catch (cause) {
      throw new RunnerError(`runner ${runner} does not answer`, { status: null, cause });
    }
  }

  return {
    async startRun(runner, request) {
      const response = await send(runner, 'PUT', `/v1/runs/${request.id}`, request, TIMEOUT_MS);
      if (response.status === 202) return { status: 'started' };
      if (response.status === 200) return { status: 'known' };
      if (response.status === 409) {
        const { code } = await errorOf(runner, response);
        return { status: code === 'conflict' ? 'known' : 'stale_fence' };
      }
      if (response.status === 429) return { status: 'full', retryAfterMs: retryAfterOf(response) };
      throw await errorOf(runner, response);
    },
    async cancelRun(runner, run, fence, reason, timeoutMs = TIMEOUT_MS) {
      const query = new URLSearchParams({ fence: String(fence), reason: reason.slice(0, 200) });
      const response = await send(runner, 'DELETE', `/v1/runs/${run}?${query}`, undefined, timeoutMs);
      if (!response.ok && response.status !== 404 && response.status !== 409)
        throw await errorOf(runner, response);
      return response.ok;
    },
    async sendMessage(runner, run, message) {
      const path = `/v1/runs/${run}/messages/${message.id}`;
      const response = await send(runner, 'PUT', path, message, TIMEOUT_MS);
      if (!response.ok && ![404, 409, 410].includes(response.status)) throw await errorOf(runner, response);
    },
    async performIntent(runner, request, lend) {
      const names = [...urls.keys()];
      const others =
        request.intent.body.kind === 'host_command' ? [] : names.filter((name) => name !== runner);
      const order = runner === null ? others : [runner, ...others];
      let unreachable: RunnerError | null = null;
      for (const name of order.filter((known) => urls.has(known))) {
        try {
          if (name !== runner) await lend(name);
          const path = `/v1/intents/${request.intent.id}`;
          const response = await send(name, 'PUT', path, request, INTENT_TIMEOUT_MS);
          if (!response.ok) throw await errorOf(name, response);
          return intentOutcomeSchema.parse(await response.json());
        } catch (error) {
          // Only where it surely did nothing may another one try at once.
          if (!(error instanceof RunnerError) || error.status !== null || error.timedOut) throw error;
          unreachable = error;
        }
      }
      throw unreachable ?? new RunnerError('no runner is configured', { status: null });
    },
    async probe(runner, host) {
      const response = await send(runner, 'POST', '/v1/probes', { host }, PROBE_TIMEOUT_MS);
      if (!response.ok) throw await errorOf(runner, response);
      return probeAnswerSchema.parse(await response.json());
    },
    async health(runner) {
      const response = await send(runner, 'GET', '/health', undefined, TIMEOUT_MS);
      if (!response.ok) throw await errorOf(runner, response);
      return response.json();
    },
  };
}

const retryAfterOf = (response: Response): number | null =>
  parseRetryAfterMs(response.headers.get('retry-after'), Date.now());

async function errorOf(runner: string, response: Response): Promise<RunnerError> {
  const problem = problemSchema.safeParse(await response.json().catch(() => ({})));
  const { code, detail } = problem.success ? problem.data : {};
  const said = [code, detail].filter(Boolean).join(': ');
  return new RunnerError(`runner ${runner} answered ${response.status}${said ? ` (${said})` : ''}`, {
    status: response.status,
    code: code ?? null,
    retryAfterMs: retryAfterOf(response),
  });
}
