import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { hookHeaders, openOutside } from '../test/load/outside.ts';
import { bundleWorker, Workerd } from '../test/load/workerd.ts';
import { median, rounded } from './figures.ts';
import { requestsPerSecond } from './http-load.ts';

const REQUESTS = 1_000;
const ROUNDS = 5;
const CONCURRENCY = 32;
/** Of Azure DevOps' own API, which is asked about each event once it is committed. */
const API_LATENCY_MS = 250;

export interface IntakeFigures {
  bodyBytes: number;
  /** Requests per second of each round. */
  intake: number[];
  oneInsert: number[];
  /** Of the medians. */
  ratio: number;
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
  const oneInsert: number[] = [];
  let bodyBytes = 0;
  try {
    outside.connect(ours.url);
    outside.azure.latencyMs = API_LATENCY_MS;
    // The first round warms both and is not counted.
    for (let round = 0; round <= ROUNDS; round++) {
      const bodies = Array.from(
        { length: REQUESTS },
        (_, n) => outside.azure.hookOfBuild(outside.azure.addGreen(1 + (n % 200)), 'build.complete').body,
      );
      bodyBytes = Buffer.byteLength(bodies[0] ?? '');
      const bare = await requestsPerSecond(theirs.url, hookHeaders, bodies, CONCURRENCY);
      const whole = await requestsPerSecond(
        `${ours.url}/hooks/azure-devops`,
        hookHeaders,
        bodies,
        CONCURRENCY,
      );
      await untilDelivered(ours);
      say(
        `${round === 0 ? 'warm-up' : `round ${round}`}: intake ${Math.round(whole)}/s, one insert ${Math.round(bare)}/s`,
      );
      if (round === 0) continue;
      intake.push(Math.round(whole));
      oneInsert.push(Math.round(bare));
    }
  } finally {
    await Promise.all([ours.stop(), theirs.stop()]);
    await outside.close();
    bundle.remove();
    baseline.remove();
    rmSync(dir, { recursive: true, force: true, maxRetries: 3 });
  }
  return {
    bodyBytes,
    intake,
    oneInsert,
    ratio: rounded(median(intake) / median(oneInsert)),
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
