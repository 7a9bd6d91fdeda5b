import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { hookHeaders, type Outside, openOutside } from '../test/load/outside.ts';
import { bundleWorker, Workerd } from '../test/load/workerd.ts';
import { percentile, rounded } from './figures.ts';
import { startPollingReceiver } from './polling-receiver.ts';

const HOOKS = 40;
const WARM_UP = 5;
const TIMEOUT_MS = 30_000;

interface Latency {
  p50: number;
  p99: number;
}

export interface WakeFigures {
  /** Milliseconds from the 2xx of a hook to the first request of the run that it causes. */
  wake: Latency;
  polling: Latency;
  /** How many times faster, at the median. */
  times: number;
}

/** Told when the run of a pipeline asks for its first thing outside. */
class Starts {
  readonly #waiting = new Map<string, (at: number) => void>();

  /** `mark`: a text that only this run's request holds. */
  next(mark: string): Promise<number> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`nothing was started for ${mark}`)), TIMEOUT_MS);
      this.#waiting.set(mark, (at) => {
        clearTimeout(timer);
        this.#waiting.delete(mark);
        resolve(at);
      });
    });
  }

  seen(text: string): void {
    const at = performance.now();
    for (const [mark, tell] of [...this.#waiting]) if (text.includes(mark)) tell(at);
  }
}

/** From a hook that is acknowledged to the work that it causes: here, and where a loop polls for it. */
export async function benchWake(say: (line: string) => void): Promise<WakeFigures> {
  const dir = mkdtempSync(join(tmpdir(), 'dogwatch-wake-'));
  const outside = await openOutside();
  const bundle = await bundleWorker();
  const worker = await Workerd.open({ bundle, stateDir: join(dir, 'state'), settings: outside.settings });
  const starts = new Starts();
  outside.model.onCall = (text) => starts.seen(text);
  const receiver = await startPollingReceiver(join(dir, 'polling.sqlite'), (body) => {
    void fetch(`${outside.model.url}/v1/messages`, {
      method: 'POST',
      body: JSON.stringify({ model: 'm', body }),
    });
  });
  const ours: number[] = [];
  const theirs: number[] = [];
  try {
    outside.connect(worker.url);
    for (let n = 1; n <= HOOKS + WARM_UP; n++) {
      const { body, mark } = hookOf(outside, n);
      const wake = await latency(`${worker.url}/hooks/azure-devops`, body, starts.next(mark));
      const polled = await latency(
        receiver.url,
        JSON.stringify({ mark: `polled-${n}.` }),
        starts.next(`polled-${n}.`),
      );
      // The phase of the loop is any: hooks do not come in step with it.
      await new Promise((done) => setTimeout(done, Math.random() * 500));
      if (n <= WARM_UP) continue;
      ours.push(wake);
      theirs.push(polled);
      if (n % 10 === 0) say(`hook ${n}: ${Math.round(wake)} ms, polling ${Math.round(polled)} ms`);
    }
  } finally {
    await worker.stop();
    await receiver.close();
    await outside.close();
    bundle.remove();
    rmSync(dir, { recursive: true, force: true, maxRetries: 3 });
  }
  const of = (values: number[]): Latency => ({ p50: percentile(values, 0.5), p99: percentile(values, 0.99) });
  const [wake, polling] = [of(ours), of(theirs)];
  return { wake, polling, times: rounded(polling.p50 / wake.p50) };
}

/** A failed build of a pipeline of its own; its name is in the first prompt. */
function hookOf({ azure }: Outside, n: number): { body: string; mark: string } {
  const repository = 1_000 + n;
  const { body } = azure.hookOfBuild(azure.addFailure(repository), 'build.complete');
  return { body, mark: `service-${repository}` };
}

async function latency(url: string, body: string, started: Promise<number>): Promise<number> {
  const answer = await fetch(url, { method: 'POST', headers: hookHeaders, body });
  if (answer.status !== 202) throw new Error(`${url} answered ${answer.status}`);
  const acceptedAt = performance.now();
  return (await started) - acceptedAt;
}
