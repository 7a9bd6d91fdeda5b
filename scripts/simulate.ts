import { availableParallelism } from 'node:os';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { runSeed, shrink } from '../test/simulation/seed.ts';
import { endWithUsage, readOptions } from './options.ts';

const USAGE = `npm run simulate -- --seeds N [--seed S] [--trace]
  N worlds, from seed S on (default: 500, from 1); with --seed alone that one`;

interface Done {
  seed: number;
  violations: string[];
  figures: Record<string, number>;
}

const SHOWN_LINES = 60;
const say = (line: string): void => {
  process.stdout.write(`${line}\n`);
};

/** Seeds of one thread: every `step`-th from `seed` on. */
async function simulate(first: number, last: number, step: number): Promise<void> {
  for (let seed = first; seed <= last; seed += step) {
    const { violations, figures } = await runSeed(seed);
    parentPort?.postMessage({ seed, violations, figures } satisfies Done);
  }
}

/** Runs the seeds on as many threads as there are processors; answers the seeds that failed. */
async function simulateAll(
  first: number,
  count: number,
): Promise<{ failed: Done[]; sums: Map<string, number> }> {
  const failed: Done[] = [];
  const sums = new Map<string, number>();
  const threads = Math.min(availableParallelism(), count);
  let done = 0;
  const startedAt = performance.now();
  const workers = Array.from({ length: threads }, (_, n) => {
    const worker = new Worker(new URL(import.meta.url), {
      workerData: { first: first + n, last: first + count - 1, step: threads },
    });
    return new Promise<void>((resolve, reject) => {
      worker.on('message', (result: Done) => {
        done += 1;
        if (result.violations.length > 0) {
          failed.push(result);
          say(`seed ${result.seed}: ${result.violations[0]}`);
        }
        for (const [name, value] of Object.entries(result.figures))
          sums.set(name, (sums.get(name) ?? 0) + value);
        if (done % 500 === 0) say(`${done} of ${count}, ${seconds(startedAt)} s`);
      });
      worker.on('error', reject);
      worker.on('exit', () => resolve());
    });
  });
  await Promise.all(workers);
  say(`${done} seeds in ${seconds(startedAt)} s, ${failed.length} failed`);
  return { failed, sums };
}

const seconds = (since: number): string => ((performance.now() - since) / 1_000).toFixed(1);

/** One seed, whole: the kinds of trouble it needs to fail, and the end of its trace. */
async function explain(seed: number, isFull: boolean): Promise<boolean> {
  const { violations, trace, figures } = await runSeed(seed);
  if (violations.length === 0) {
    if (isFull) for (const line of trace) say(line);
    say(`seed ${seed} holds: ${JSON.stringify(figures)}`);
    return true;
  }
  const { faults, result } = await shrink(seed);
  const needed = Object.entries(faults).filter(([, measure]) => measure > 0);
  for (const line of isFull ? result.trace : result.trace.slice(-SHOWN_LINES)) say(line.slice(0, 240));
  say(
    `seed ${seed} fails with ${needed.map(([name, n]) => `${name} ${n}`).join(', ') || 'no trouble at all'}:`,
  );
  for (const violation of result.violations) say(`  ${violation}`);
  return false;
}

async function main(): Promise<void> {
  const values = readOptions(USAGE, {
    seeds: { type: 'string' },
    seed: { type: 'string' },
    trace: { type: 'boolean', default: false },
  });
  const first = Number(values.seed ?? 1);
  const count = Number(values.seeds ?? (values.seed === undefined ? 500 : 1));
  if (!Number.isSafeInteger(first) || !Number.isSafeInteger(count) || count < 1)
    endWithUsage('N and S are whole numbers', USAGE);
  if (count === 1) {
    process.exitCode = (await explain(first, values.trace)) ? 0 : 1;
    return;
  }
  const { failed, sums } = await simulateAll(first, count);
  say([...sums].map(([name, value]) => `${name} ${value}`).join(', '));
  if (failed.length === 0) return;
  process.exitCode = 1;
  const [worst] = failed.sort((a, b) => a.seed - b.seed);
  if (worst) await explain(worst.seed, false);
  say(`replay with: npm run simulate -- --seed ${worst?.seed}`);
}

if (isMainThread) await main();
else {
  const { first, last, step } = workerData as { first: number; last: number; step: number };
  await simulate(first, last, step);
}
