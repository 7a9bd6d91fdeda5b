import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { Random } from '../simulation/random.ts';
import type { Hook, LoadAzureDevOps } from './azure-devops.ts';
import { BUILD_HOOKS } from './azure-devops.ts';
import { type AfterCrashes, checkAfterCrashes, lookAtIncidents, messagesOf } from './crash-checks.ts';
import { OPERATOR, type Outside, openOutside } from './outside.ts';
import { Sender } from './sender.ts';
import { bundleWorker, Workerd } from './workerd.ts';

export interface CrashOptions {
  events: number;
  kills: number;
  seed: number;
  say(line: string): void;
}

export interface CrashReport extends AfterCrashes {
  seed: number;
  events: number;
  kills: number;
  /** Answers to the sender; 0: none came. */
  answers: Record<string, number>;
  restartMs: { median: number; max: number };
  seconds: number;
}

const CONCURRENT_HOOKS = 8;
const SUBSCRIPTIONS = 2;
const MENDED_PER_HOPELESS = 8;
const BUILDS_OF_HOPELESS = 16;
/** A life lasts this long on average; some end while they still begin. */
const MEAN_LIFE_MS = 1_500;
const MAX_LIFE_MS = 6_000;
const TICK_MS = 5_000;
const REST_TIMEOUT_MS = 300_000;
const QUIET_ROUNDS = 3;
const PRESS_MS = 300;

/** Real workerd under load, killed again and again; answers what the outside saw in the end. */
export async function runCrash({ events, kills, seed, say }: CrashOptions): Promise<CrashReport> {
  const startedAt = performance.now();
  const random = new Random(seed, 'crash');
  const stateDir = mkdtempSync(join(tmpdir(), 'dogwatch-crash-'));
  const outside = await openOutside();
  const bundle = await bundleWorker();
  const worker = await Workerd.open({ bundle, stateDir, settings: outside.settings });
  const stopPressing = pressApprove(outside);
  try {
    outside.connect(worker.url);
    const sender = new Sender(worker.url, CONCURRENT_HOOKS);
    outside.azure.onHook = (hook) => sender.sendAtOnce(hook);
    const { hooks, incidents } = makeHooks(outside.azure, events, random);
    sender.send(...hooks);
    say(`${events} events of ${incidents} incidents in ${hooks.length} hooks, ${kills} kills, seed ${seed}`);

    const restarts: number[] = [];
    for (let kill = 1; kill <= kills; kill++) {
      sender.allow(Math.ceil((kill * hooks.length) / (kills + 1)));
      await sleep(Math.min(MAX_LIFE_MS, random.exponential(MEAN_LIFE_MS)));
      await worker.kill();
      const killedAt = performance.now();
      await worker.start();
      restarts.push(performance.now() - killedAt);
      if (kill % 10 === 0) say(`${kill} kills, ${sender.figures.accepted.size} events accepted`);
    }
    sender.allow(Number.POSITIVE_INFINITY);
    await untilAtRest(worker, outside, sender, say);
    const after = await checkAfterCrashes(worker, outside, sender, incidents);
    return {
      seed,
      events,
      kills,
      ...after,
      answers: Object.fromEntries([...sender.figures.answers].map(([status, n]) => [String(status), n])),
      restartMs: {
        median: Math.round(restarts.sort((a, b) => a - b)[restarts.length >> 1] ?? 0),
        max: Math.round(restarts.at(-1) ?? 0),
      },
      seconds: Math.round((performance.now() - startedAt) / 1_000),
    };
  } finally {
    stopPressing();
    await worker.stop();
    await outside.close();
    bundle.remove();
    rmSync(stateDir, { recursive: true, force: true, maxRetries: 3 });
  }
}

/**
 * Half of the events are of pipelines that fail twice and are mended, half of pipelines that fail on and on.
 * Several hooks tell of each build; a tenth comes twice; pipelines break one after the other, and what is told
 * of each comes in any order.
 */
export function makeHooks(
  azure: LoadAzureDevOps,
  events: number,
  random: Random,
): { hooks: Hook[]; incidents: number } {
  const timed: { at: number; hook: Hook }[] = [];
  let incidents = 0;
  const breakPipeline = (builds: number): void => {
    incidents += 1;
    const at = timed.length / events;
    for (let n = 0; n < builds; n++) {
      const build = azure.addFailure(incidents);
      for (let n = 0; n < SUBSCRIPTIONS; n++)
        for (const type of BUILD_HOOKS)
          timed.push({ at: at + random.next() / 3, hook: azure.hookOfBuild(build, type) });
    }
  };
  while (timed.length < events) breakPipeline(incidents % MENDED_PER_HOPELESS === 1 ? BUILDS_OF_HOPELESS : 2);
  timed.length = events;
  const doubled = timed
    .filter(() => random.chance(0.1))
    .map(({ at, hook }) => ({ at: at + random.next() / 3, hook }));
  const hooks = [...timed, ...doubled].sort((a, b) => a.at - b.at).map(({ hook }) => hook);
  return { hooks, incidents };
}

/** The operator approves whatever asks for it. */
function pressApprove({ telegram }: Outside): () => void {
  const pressed = new Set<number>();
  const timer = setInterval(() => {
    for (const { messageId, buttons, fromBot } of telegram.messages(OPERATOR.id)) {
      if (!fromBot || pressed.has(messageId) || !buttons.flat().some(({ text }) => text === 'Approve'))
        continue;
      pressed.add(messageId);
      telegram.press({ chatId: OPERATOR.id, messageId, button: 'Approve', from: OPERATOR });
    }
  }, PRESS_MS);
  return () => clearInterval(timer);
}

/** Until all that was accepted has ended, and every incident with it; ticks as cron would, only faster. */
async function untilAtRest(
  worker: Workerd,
  outside: Outside,
  sender: Sender,
  say: (line: string) => void,
): Promise<void> {
  const deadline = performance.now() + REST_TIMEOUT_MS;
  let quiet = 0;
  for (let round = 0; performance.now() < deadline && quiet < QUIET_ROUNDS; round++) {
    if (round % 3 === 0) await worker.tick(Date.now());
    await sleep(TICK_MS / 3);
    const [left] = await worker.rows<{ events: number; incidents: number }>(
      `SELECT (SELECT count(*) FROM deliveries WHERE status = 'accepted') AS events,
        (SELECT count(*) FROM incidents WHERE status NOT IN ('resolved', 'explained', 'escalated', 'aborted')) AS incidents`,
    );
    const hasEnded = sender.isIdle && outside.runner.isIdle && left?.events === 0 && left.incidents === 0;
    quiet = hasEnded && (await isTold(worker, outside)) ? quiet + 1 : 0;
    if (round % 6 === 5) say(`${left?.events} events and ${left?.incidents} incidents still at work`);
  }
}

async function isTold(worker: Workerd, outside: Outside): Promise<boolean> {
  const decided = (await lookAtIncidents(worker)).flatMap(({ told }) => told);
  return messagesOf(outside, new Set(decided).size).twice >= 0;
}

const sleep = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));
