import type { Hook } from './azure-devops.ts';
import { hookHeaders } from './outside.ts';

export interface SenderFigures {
  /** Requests that were answered, by status; 0: no answer. */
  answers: Map<number, number>;
  /** Answers of 503 that said when to come back. */
  withRetryAfter: number;
  /** Milliseconds from the first byte to the answer, of those answered 2xx. */
  latenciesMs: number[];
  /** The Worker's event ids, by the hook's own id. */
  accepted: Map<string, string>;
  duplicates: number;
}

const RETRY_MS = 250;
const MAX_WAIT_MS = 5_000;
const TIMEOUT_MS = 30_000;

/** Service hooks: several at once, each told again until it is answered 2xx. */
export class Sender {
  readonly figures: SenderFigures = {
    answers: new Map(),
    withRetryAfter: 0,
    latenciesMs: [],
    accepted: new Map(),
    duplicates: 0,
  };
  readonly #url: string;
  readonly #concurrency: number;
  readonly #waiting: Hook[] = [];
  #inFlight = 0;
  #allowed = Number.POSITIVE_INFINITY;
  #begun = 0;

  constructor(workerUrl: string, concurrency: number) {
    this.#url = `${workerUrl}/hooks/azure-devops`;
    this.#concurrency = concurrency;
  }

  get isIdle(): boolean {
    return this.#waiting.length === 0 && this.#inFlight === 0;
  }

  /** No more than so many hooks are begun in all; what is begun goes on. */
  allow(total: number): void {
    this.#allowed = total;
    this.#next();
  }

  send(...hooks: Hook[]): void {
    this.#waiting.push(...hooks);
    this.#next();
  }

  /** Sent before anything that waits, past any allowance: the outside's own answers to what was done. */
  sendAtOnce(hook: Hook): void {
    this.#inFlight += 1;
    void this.#deliver(hook);
  }

  #next(): void {
    while (this.#inFlight < this.#concurrency && this.#begun < this.#allowed) {
      const hook = this.#waiting.shift();
      if (!hook) return;
      this.#begun += 1;
      this.#inFlight += 1;
      void this.#deliver(hook);
    }
  }

  async #deliver(hook: Hook): Promise<void> {
    for (;;) {
      const waitMs = await this.#try(hook);
      if (waitMs === null) break;
      await new Promise((done) => setTimeout(done, waitMs));
    }
    this.#inFlight -= 1;
    this.#next();
  }

  /** Null: it was taken. Else: how long to wait. */
  async #try({ id, body }: Hook): Promise<number | null> {
    const startedAt = performance.now();
    const { answers } = this.figures;
    const count = (status: number) => answers.set(status, (answers.get(status) ?? 0) + 1);
    try {
      const answer = await fetch(this.#url, {
        method: 'POST',
        headers: hookHeaders,
        body,
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
      const text = await answer.text();
      count(answer.status);
      if (answer.ok) {
        this.figures.latenciesMs.push(performance.now() - startedAt);
        const { event, status } = JSON.parse(text) as { event: string; status: string };
        if (status === 'duplicate') this.figures.duplicates += 1;
        this.figures.accepted.set(id, event);
        return null;
      }
      const after = answer.headers.get('retry-after');
      if (answer.status === 503 && after !== null) this.figures.withRetryAfter += 1;
      return Math.min(MAX_WAIT_MS, after === null ? RETRY_MS : Number(after) * 1_000);
    } catch {
      count(0);
      return RETRY_MS;
    }
  }
}
