import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { hookHeaders, type Outside, openOutside } from '../test/load/outside.ts';
import { bundleWorker, Workerd } from '../test/load/workerd.ts';
import { median } from './figures.ts';
import { requestsPerSecond } from './http-load.ts';

const REQUESTS = 1_000;
const ROUNDS = 5;
const CONCURRENCY = 32;
/** Of Azure DevOps' own API, which is asked about each event once it is committed. */
const API_LATENCY_MS = 250;

export interface IntakeFigures {
  bodyBytes: number;
  /** Requests per second of each round: while what was accepted is delivered by the same process, */
  intake: number[];
  /** and before that: no delivery gets further than its first question. */
  alone: number[];
  oneInsert: number[];
  /** The median of each round's two: what else the machine does falls on both. */
  ratio: number;
  ratioAlone: number;
}

/** The whole intake of a service hook against one bare insert, in turns, both in workerd itself. */
export async function benchIntake(say: (line: string) => void): Promise<IntakeFigures> {
  const dir = mkdtempSync(join(tmpdir(), 'dogwatch-bench-'));
  const outside = await openOutside();
  const bundle = await bundleWorker();
  const baseline = await bundleWorker(fileURLToPath(new URL('baseline/wrangler.toml', import.meta.url)));
  const ours = await Workerd.open({ bundle, stateDir: join(dir, 'ours'), settings: outside.settings });
  const theirs = await Workerd.open({ bundle: baseline, stateDir: join(dir, 'theirs'), settings: {} });
  const intake: number[] = [];
  const alone: number[] = [];
  const oneInsert: number[] = [];
  let bodyBytes = 0;
  try {
    outside.connect(ours.url);
    outside.azure.latencyMs = API_LATENCY_MS;
    // The first round warms both and is not counted.
    for (let round = 0; round <= ROUNDS; round++) {
      const bare = await requestsPerSecond(theirs.url, hookHeaders, bodiesOf(outside), CONCURRENCY);
      const hook = `${ours.url}/hooks/azure-devops`;
      const whole = await requestsPerSecond(hook, hookHeaders, bodiesOf(outside), CONCURRENCY);
      await untilDelivered(ours);
      const bodies = bodiesOf(outside);
      bodyBytes = Buffer.byteLength(bodies[0] ?? '');
      const release = hold(outside);
      const first = await requestsPerSecond(hook, hookHeaders, bodies, CONCURRENCY).finally(release);
      await untilDelivered(ours);
      say(
        `${round === 0 ? 'warm-up' : `round ${round}`}: intake ${Math.round(whole)}/s, alone ${Math.round(first)}/s, one insert ${Math.round(bare)}/s`,
      );
      if (round === 0) continue;
      intake.push(Math.round(whole));
      alone.push(Math.round(first));
      oneInsert.push(Math.round(bare));
    }
  } finally {
    await Promise.all([ours.stop(), theirs.stop()]);
    await outside.close();
    bundle.remove();
    baseline.remove();
    rmSync(dir, { recursive: true, force: true, maxRetries: 3 });
  }
  const against = (of: number[]) => median(of.map((one, round) => one / (oneInsert[round] ?? Number.NaN)));
  return { bodyBytes, intake, alone, oneInsert, ratio: against(intake), ratioAlone: against(alone) };
}

const bodiesOf = ({ azure }: Outside): string[] =>
  Array.from(
    { length: REQUESTS },
    (_, n) => azure.hookOfBuild(azure.addGreen(1 + (n % 200)), 'build.complete').body,
  );

/** Azure DevOps answers nothing until the returned function is called. */
function hold({ azure }: Outside): () => void {
  const { promise, resolve } = Promise.withResolvers<void>();
  azure.held = promise;
  return () => {
    azure.held = null;
    resolve();
  };
}

/** What was accepted in one round is not the next one's load. */
async function untilDelivered(worker: Workerd): Promise<void> {
  for (let quiet = 0; quiet < 3; ) {
    await new Promise((done) => setTimeout(done, 200));
    const [left] = await worker.rows<{ n: number }>(
      `SELECT count(*) AS n FROM deliveries WHERE status = 'accepted'`,
    );
    quiet = left?.n === 0 ? quiet + 1 : 0;
  }
}
