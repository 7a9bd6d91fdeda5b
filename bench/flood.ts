import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../scripts/demo/free-port.ts';
import type { Hook } from '../test/load/azure-devops.ts';
import { BUILD_HOOKS } from '../test/load/azure-devops.ts';
import { type Outside, openOutside } from '../test/load/outside.ts';
import { Sender } from '../test/load/sender.ts';
import { bundleWorker, Workerd } from '../test/load/workerd.ts';
import { percentile, rounded } from './figures.ts';

const HOOKS = 10_000;
const INCIDENTS = 200;
const CONCURRENCY = 64;
const SAMPLE_MS = 1_000;
const DRAIN_TIMEOUT_MS = 600_000;

/** Half of the hooks, until all that came of them is done. */
interface Wave {
  answeredS: number;
  /** Until the last event had come to its end. */
  drainedS: number;
  /** Of workerd: pages, buffers and statements of every object in memory, beside what its own code holds. */
  residentMb: { max: number; drained: number };
  /** Objects in memory when it was the most. */
  objects: number;
  /** What the Worker's own code holds. */
  heapMb: number;
}

export interface FloodFigures {
  hooks: number;
  /** Answers, by status; 0: no answer. */
  answers: Record<string, number>;
  /** 503 without a Retry-After. */
  unhelpful: number;
  /** Accepted and without an end. */
  lost: number;
  answerMs: { p50: number; p99: number };
  /** Before the first hook. */
  restingMb: number;
  waves: [Wave, Wave];
  /**
   * Of the second wave against the first: what does not grow with the number of hooks is about 1. Resident memory
   * is taken per object in memory, of which each wave wakes others: SQLite keeps up to 2 MB of pages for each
   * (https://sqlite.org/pragma.html#pragma_cache_size).
   */
  growth: { perObject: number; heap: number };
}

/** As many hooks as come when everything breaks at once, with all that follows from them; and the same again. */
export async function benchFlood(say: (line: string) => void, hooks = HOOKS): Promise<FloodFigures> {
  const dir = mkdtempSync(join(tmpdir(), 'dogwatch-flood-'));
  const outside = await openOutside();
  const bundle = await bundleWorker();
  const worker = await Workerd.open({
    bundle,
    stateDir: dir,
    settings: outside.settings,
    inspectorPort: await freePort(),
  });
  try {
    outside.connect(worker.url);
    const sender = new Sender(worker.url, CONCURRENCY);
    outside.azure.onHook = (hook) => sender.sendAtOnce(hook);
    const restingMb = worker.residentMb();
    const half = Math.ceil(hooks / 2);
    const first = await wave(worker, outside, sender, half, say);
    const second = await wave(worker, outside, sender, half, say);
    const { answers, withRetryAfter, latenciesMs } = sender.figures;
    return {
      hooks: half * 2,
      answers: Object.fromEntries([...answers].map(([status, n]) => [String(status), n])),
      unhelpful: (answers.get(503) ?? 0) - withRetryAfter,
      lost: await undelivered(worker, sender),
      answerMs: { p50: percentile(latenciesMs, 0.5), p99: percentile(latenciesMs, 0.99) },
      restingMb,
      waves: [first, second],
      growth: {
        perObject: rounded(perObject(second, restingMb) / perObject(first, restingMb)),
        heap: rounded(second.heapMb / first.heapMb),
      },
    };
  } finally {
    await worker.stop();
    await outside.close();
    bundle.remove();
    rmSync(dir, { recursive: true, force: true, maxRetries: 3 });
  }
}

const perObject = ({ residentMb, objects }: Wave, restingMb: number): number =>
  (residentMb.max - restingMb) / objects;

async function wave(
  worker: Workerd,
  outside: Outside,
  sender: Sender,
  hooks: number,
  say: (line: string) => void,
): Promise<Wave> {
  const samples: { residentMb: number; objects: number }[] = [];
  const sample = () => samples.push({ residentMb: worker.residentMb(), objects: worker.openObjects() });
  const sampler = setInterval(sample, SAMPLE_MS);
  const startedAt = performance.now();
  const seconds = () => Math.round((performance.now() - startedAt) / 1_000);
  try {
    sender.send(...hooksOf(outside.azure, hooks));
    while (!sender.isIdle) await sleep(200);
    const answeredS = seconds();
    say(`${hooks} hooks answered in ${answeredS} s, ${worker.residentMb()} MB`);
    await untilDelivered(worker, sender, say);
    sample();
    return {
      answeredS,
      drainedS: seconds(),
      residentMb: {
        max: Math.max(...samples.map(({ residentMb }) => residentMb)),
        drained: worker.residentMb(),
      },
      objects: Math.max(...samples.map(({ objects }) => objects)),
      heapMb: await worker.heapMb(),
    };
  } finally {
    clearInterval(sampler);
  }
}

/** Several hooks of each of a few builds of each pipeline, in turns. */
function hooksOf(azure: Outside['azure'], count: number): Hook[] {
  const hooks: Hook[] = [];
  const builds = new Map<number, number>();
  for (let n = 0; n < count; n++) {
    const repository = 1 + (n % INCIDENTS);
    const round = Math.floor(n / INCIDENTS);
    const type = BUILD_HOOKS[round % BUILD_HOOKS.length] ?? BUILD_HOOKS[0];
    if (round % BUILD_HOOKS.length === 0) builds.set(repository, azure.addFailure(repository));
    hooks.push(azure.hookOfBuild(builds.get(repository) ?? 0, type));
  }
  return hooks;
}

async function untilDelivered(worker: Workerd, sender: Sender, say: (line: string) => void): Promise<void> {
  const deadline = performance.now() + DRAIN_TIMEOUT_MS;
  for (let round = 0; performance.now() < deadline; round++) {
    const left = await undelivered(worker, sender);
    const [runs] = await worker.rows<{ n: number }>(
      `SELECT count(*) AS n FROM runs WHERE status NOT IN ('ended', 'waiting')`,
    );
    if (left === 0 && runs?.n === 0) return;
    if (round % 10 === 0)
      say(
        `${left} events and ${runs?.n} runs on their way, ${worker.residentMb()} MB, ${worker.openObjects()} objects`,
      );
    await sleep(1_000);
  }
}

/** How many accepted events have no end. */
async function undelivered(worker: Workerd, sender: Sender): Promise<number> {
  const rows = await worker.rows<{ id: string }>(
    `SELECT id FROM deliveries WHERE status IN ('delivered', 'ignored', 'closed', 'refused')`,
  );
  const ended = new Set(rows.map(({ id }) => id));
  return [...sender.figures.accepted.values()].filter((id) => !ended.has(id)).length;
}

const sleep = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));
