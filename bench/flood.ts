import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../scripts/demo/free-port.ts';
import type { Hook } from '../test/load/azure-devops.ts';
import { BUILD_HOOKS } from '../test/load/azure-devops.ts';
import { openOutside } from '../test/load/outside.ts';
import { Sender } from '../test/load/sender.ts';
import { bundleWorker, Workerd } from '../test/load/workerd.ts';
import { percentile } from './figures.ts';

const HOOKS = 10_000;
const INCIDENTS = 200;
const CONCURRENCY = 64;
const SAMPLE_MS = 1_000;
const DRAIN_TIMEOUT_MS = 600_000;

export interface FloodFigures {
  hooks: number;
  /** Answers, by status; 0: none. */
  answers: Record<string, number>;
  /** 503 without a Retry-After. */
  unhelpful: number;
  /** Accepted and without an end. */
  lost: number;
  perSecond: number;
  answerMs: { p50: number; p99: number };
  /** Until the last event had come to its end. */
  drainedAfterS: number;
  /** Resident memory of workerd: at rest, in the middle of the flood, at its end, when all was delivered. */
  residentMb: { before: number; middle: number; end: number; drained: number; max: number };
  /** What the Worker's own code holds: workerd itself keeps pages and buffers of every object beside it. */
  heapMb: { before: number; middle: number; end: number; drained: number };
}

/** As many hooks as come when everything breaks at once, with all that follows from them. */
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
  const samples: number[] = [];
  const sample = () => samples.push(worker.residentMb());
  const sampler = setInterval(sample, SAMPLE_MS);
  try {
    outside.connect(worker.url);
    const sender = new Sender(worker.url, CONCURRENCY);
    outside.azure.onHook = (hook) => sender.sendAtOnce(hook);
    const before = { resident: worker.residentMb(), heap: await worker.heapMb() };
    const startedAt = performance.now();
    sender.send(...hooksOf(outside.azure, hooks));
    while (sender.figures.accepted.size < hooks / 2) await sleep(200);
    const middle = { resident: worker.residentMb(), heap: await worker.heapMb() };
    while (!sender.isIdle) await sleep(200);
    const seconds = (performance.now() - startedAt) / 1_000;
    const end = { resident: worker.residentMb(), heap: await worker.heapMb() };
    say(`${hooks} hooks answered in ${Math.round(seconds)} s, ${end.resident} MB`);
    const lost = await untilDelivered(worker, sender, say);
    const drained = { resident: worker.residentMb(), heap: await worker.heapMb() };
    const { answers, withRetryAfter, latenciesMs } = sender.figures;
    return {
      hooks,
      answers: Object.fromEntries([...answers].map(([status, n]) => [String(status), n])),
      unhelpful: (answers.get(503) ?? 0) - withRetryAfter,
      lost,
      perSecond: Math.round(hooks / seconds),
      answerMs: { p50: percentile(latenciesMs, 0.5), p99: percentile(latenciesMs, 0.99) },
      drainedAfterS: Math.round((performance.now() - startedAt) / 1_000),
      residentMb: {
        before: before.resident,
        middle: middle.resident,
        end: end.resident,
        drained: drained.resident,
        max: Math.max(...samples),
      },
      heapMb: { before: before.heap, middle: middle.heap, end: end.heap, drained: drained.heap },
    };
  } finally {
    clearInterval(sampler);
    await worker.stop();
    await outside.close();
    bundle.remove();
    rmSync(dir, { recursive: true, force: true, maxRetries: 3 });
  }
}

/** Several hooks of each of a few builds of each pipeline, in turns. */
function hooksOf(azure: Awaited<ReturnType<typeof openOutside>>['azure'], count: number): Hook[] {
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

/** Answers how many accepted events have no end when time is up. */
async function untilDelivered(worker: Workerd, sender: Sender, say: (line: string) => void): Promise<number> {
  const deadline = performance.now() + DRAIN_TIMEOUT_MS;
  const accepted = new Set(sender.figures.accepted.values());
  for (let round = 0; ; round++) {
    const rows = await worker.rows<{ id: string }>(
      `SELECT id FROM deliveries WHERE status IN ('delivered', 'ignored', 'closed', 'refused')`,
    );
    const left = accepted.size - rows.filter(({ id }) => accepted.has(id)).length;
    if (left === 0 || performance.now() > deadline) return left;
    if (round % 10 === 0) say(`${left} events on their way, ${worker.residentMb()} MB`);
    await sleep(1_000);
  }
}

const sleep = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));
