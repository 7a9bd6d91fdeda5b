import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import { connectEngine } from '../sandbox-runner/src/docker/docker.ts';
import { fakeMessagesApi } from '../sandbox-runner/src/gateway/testing/fake-messages-api.ts';
import { openRunnerStage, type RunnerProcess, until } from '../sandbox-runner/src/testing/runner-process.ts';
import { comparePairs, measurePairs, type Pair, type PairFigures } from './pairs.ts';

const MODEL = 'claude-opus-5-5';
const PAIRS = 11;
const IDLE_MS = 5_000;
/** Before each measurement: what the one before left to be done (removal, the next network) is not to fall on it. */
const REST_MS = 4_000;

export interface RunStartFigures extends PairFigures {
  /**
   * `oursMs`: `PUT /v1/runs` accepted → first model request, of a run with a repository to fetch. `theirsMs`: a bare
   * `docker run` of the same image, as it comes (the default network, no limits), starting the Agent SDK → first
   * model request; it fetches nothing.
   */
  pairs: Pair[];
  /** Of the machine, at the end: on a busy one both take longer. */
  loadAverage: number;
  idleResidentMb: number;
  residentAfterRunsMb: number;
}

/** Starts a session of the Agent SDK as it comes. */
const BARE_PROGRAM = `
import { query } from '@anthropic-ai/claude-agent-sdk';
for await (const message of query({ prompt: 'Work.', options: { model: '${MODEL}', settingSources: [], permissionMode: 'dontAsk' } })) {}
`;

const pause = (delayMs: number) => new Promise((done) => setTimeout(done, delayMs));

function residentMb(runner: RunnerProcess): number {
  const status = readFileSync(`/proc/${runner.child.pid}/status`, 'utf8');
  return Math.round(Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1] ?? Number.NaN) / 1_024);
}

/** Where containers on the engine's default network find this host. Old engines do not say; it is the first address. */
async function hostAddress(): Promise<string> {
  const { IPAM } = (await connectEngine().getNetwork('bridge').inspect()) as {
    IPAM: { Config: { Gateway?: string; Subnet: string }[] };
  };
  const [network] = IPAM.Config;
  if (!network) throw new Error("the bench needs the engine's default network");
  return network.Gateway ?? network.Subnet.replace(/\d+\/\d+$/, '1');
}

/** Runs `docker` and waits for its end; its words are shown when it fails. */
async function docker(args: string[]): Promise<void> {
  const child = spawn('docker', args, { stdio: ['ignore', 'ignore', 'pipe'] });
  let words = '';
  child.stderr.on('data', (chunk: Buffer) => {
    words += chunk.toString();
  });
  const code = await new Promise<number | null>((done) => child.once('exit', done));
  if (code !== 0) throw new Error(`docker ${args[0]} ended with ${code}: ${words.slice(-1_000)}`);
}

/** Both ways in turns, in the same minutes on the same machine, so that the ratio says what the runner costs. */
export async function benchRunStart(say: (line: string) => void): Promise<RunStartFigures> {
  const stage = await openRunnerStage(`bench-${process.pid}`);
  const api = await fakeMessagesApi([{ say: 'done' }], MODEL, await hostAddress());
  const firstRequestAfter = async (from: number) => {
    const before = api.seen.length;
    await until(() => api.seen.length > before);
    return (api.seen[before]?.at ?? Number.NaN) - from;
  };
  try {
    const runner = await stage.startRunner(api.url);
    let tag: string | undefined;
    await until(async () => {
      const health = (await (await fetch(`${runner.url}/health`)).json()) as {
        image: { tag: string } | null;
      };
      tag = health.image?.tag;
      return tag !== undefined;
    }, 600_000);
    const image = tag ?? '';
    await pause(IDLE_MS);
    const idleResidentMb = residentMb(runner);
    say(`runner idle: ${idleResidentMb} MB resident`);

    const ours = async (n: number) => {
      await pause(REST_MS);
      const request = stage.request(`bench ${n}`);
      const accepted = await stage.put(runner, request);
      if (accepted.status !== 202) throw new Error(`the run was answered with ${accepted.status}`);
      const firstMs = await firstRequestAfter(Date.now());
      await until(() => stage.typesOf(request.id).includes('ended'));
      return firstMs;
    };
    const theirs = async () => {
      await pause(REST_MS);
      const startedAt = Date.now();
      const bare = docker([
        ...['run', '--rm', '--label', `dogwatch.bench=${process.pid}`],
        ...['--env', `ANTHROPIC_BASE_URL=${api.url}`, '--env', 'ANTHROPIC_API_KEY=none'],
        ...['--env', 'CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1', '--workdir', '/opt/dogwatch'],
        ...[image, 'node', '--input-type=module', '--eval', BARE_PROGRAM],
      ]);
      const firstMs = await firstRequestAfter(startedAt);
      await bare;
      return firstMs;
    };
    const pairs = await measurePairs(PAIRS, ours, theirs, (n, { oursMs, theirsMs }) =>
      say(`pair ${n}: runner ${oursMs} ms, bare ${theirsMs} ms, ${(oursMs / theirsMs).toFixed(2)} ×`),
    );
    const figures = comparePairs(pairs);
    const loadAverage = Math.round((loadavg()[0] ?? 0) * 10) / 10;
    say(
      `median of ratios ${figures.medianOfRatios} ×, ratio of medians ${figures.ratioOfMedians} ×, ratio of the fastest ${figures.ratioOfFastest} ×; load of the machine ${loadAverage}`,
    );
    return { ...figures, pairs, loadAverage, idleResidentMb, residentAfterRunsMb: residentMb(runner) };
  } finally {
    await stage.close();
    await api.close();
  }
}
