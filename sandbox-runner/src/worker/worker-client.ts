import { type AuditSearchRequest, auditSearchAnswerSchema } from '../../../core/contracts/audit-search.ts';
import {
  type RelayRequest,
  type RunnerReport,
  type RunnerReportAnswer,
  runnerReportAnswerSchema,
} from '../../../core/contracts/run.ts';
import { type Bytes, utf8 } from '../../../wire/encoding.ts';
import type { SigningKey } from '../../../wire/keys.ts';
import { newNonce, signRequest } from '../../../wire/sign-request.ts';

/** The Worker said no, or could not be reached (`status` null). `problem` is its own text, fit for an agent. */
export class WorkerError extends Error {
  override name = 'WorkerError';
  readonly status: number | null;
  readonly retryable: boolean;
  readonly problem: string;

  constructor(message: string, status: number | null, problem: string, cause?: unknown) {
    super(message, { cause });
    this.status = status;
    this.problem = problem;
    this.retryable = status === null || status >= 500 || status === 429 || status === 408;
  }
}

export interface WorkerClient {
  report(report: RunnerReport): Promise<RunnerReportAnswer>;
  relay(request: RelayRequest): Promise<void>;
  /** The answer is for the agent, fenced. */
  auditSearch(request: AuditSearchRequest): Promise<string>;
  putArtifact(run: string, sha256: string, contentType: string, bytes: Bytes): Promise<void>;
  getArtifact(run: string, sha256: string): Promise<Bytes>;
}

export interface WorkerClientOptions {
  url: string;
  authority: string;
  key: SigningKey;
  nowMs: () => number;
}

const TIMEOUT_MS = 30_000;
/** An artifact to read is a log at most; a larger one is refused rather than held in memory. */
const MAX_ARTIFACT_BYTES = 64 * 1_024 * 1_024;

function problemText(body: string, status: number): string {
  try {
    const problem: unknown = JSON.parse(body);
    if (typeof problem === 'object' && problem !== null) {
      const { title, detail } = problem as { title?: unknown; detail?: unknown };
      const text = [title, detail].filter((part) => typeof part === 'string').join(': ');
      if (text !== '') return text.slice(0, 1_000);
    }
  } catch {
    // Not a problem document: the status says it.
  }
  return `HTTP ${status}`;
}

/** Every request is signed; redirects are refused, for they would take a signed body elsewhere. */
export function createWorkerClient(options: WorkerClientOptions): WorkerClient {
  async function call(method: string, path: string, body?: Bytes, contentType?: string): Promise<Response> {
    const url = `${options.url}${path}`;
    const headers = await signRequest({
      method,
      url,
      ...(body === undefined ? {} : { body }),
      ...(contentType === undefined ? {} : { contentType }),
      key: options.key,
      nowMs: options.nowMs(),
      nonce: newNonce(),
      authority: options.authority,
    });
    let response: Response;
    try {
      response = await fetch(url, {
        method,
        headers,
        redirect: 'manual',
        signal: AbortSignal.timeout(TIMEOUT_MS),
        ...(body === undefined ? {} : { body }),
      });
    } catch (cause) {
      throw new WorkerError(`${method} ${path}: no answer`, null, 'the control plane did not answer', cause);
    }
    if (response.ok) return response;
    const problem = problemText(await response.text().catch(() => ''), response.status);
    throw new WorkerError(`${method} ${path}: ${response.status} ${problem}`, response.status, problem);
  }

  const artifactPath = (run: string, sha256: string) => `/runner/artifacts/${run}/${sha256}`;

  return {
    async report(report) {
      const response = await call('POST', '/runner/events', utf8(JSON.stringify(report)));
      const answer = runnerReportAnswerSchema.safeParse(await response.json().catch(() => null));
      if (!answer.success)
        throw new WorkerError('POST /runner/events: answer unreadable', null, 'unreadable');
      return answer.data;
    },
    async relay(request) {
      await call('POST', '/relay', utf8(JSON.stringify(request)));
    },
    async auditSearch(request) {
      const response = await call('POST', '/runner/audit-search', utf8(JSON.stringify(request)));
      const answer = auditSearchAnswerSchema.safeParse(await response.json().catch(() => null));
      if (!answer.success)
        throw new WorkerError('POST /runner/audit-search: answer unreadable', null, 'unreadable');
      return answer.data.text;
    },
    async putArtifact(run, sha256, contentType, bytes) {
      await call('PUT', artifactPath(run, sha256), bytes, contentType);
    },
    async getArtifact(run, sha256) {
      const response = await call('GET', artifactPath(run, sha256));
      const declared = Number(response.headers.get('content-length') ?? 0);
      if (declared > MAX_ARTIFACT_BYTES)
        throw new WorkerError('artifact too large', 413, 'the artifact is too large');
      return new Uint8Array(await response.arrayBuffer());
    },
  };
}
