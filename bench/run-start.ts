import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fakeMessagesApi } from '../sandbox-runner/src/gateway/testing/fake-messages-api.ts';
import { openRunnerStage, type RunnerProcess, until } from '../sandbox-runner/src/testing/runner-process.ts';

const MODEL = 'claude-opus-5-5';
const PAIRS = 7;
const rounded = (ratio: number): number => Math.round(ratio * 100) / 100;
const IDLE_MS = 5_000;

export interface RunStartFigures {
  /** `PUT /v1/runs` accepted → first model request. */
  runnerMs: number[];
  /** Bare `docker run` of the same image, starting the Agent SDK → first model request. */
  bareMs: number[];
  /** Of the fastest of each: what else the machine does only ever adds. */
  ratio: number;
  ratioOfMedians: number;
  idleResidentMb: number;
  residentAfterRunsMb: number;
}

/** Starts a session of the Agent SDK as it comes, with the host's network. */
const BARE_PROGRAM = `
import { query } from '@anthropic-ai/claude-agent-sdk';
for await (const message of query({ prompt: 'Work.', options: { model: '${MODEL}', settingSources: [], permissionMode: 'dontAsk' } })) {}
`;

const median = (values: number[]): number =>
  [...values].sort((a, b) => a - b)[values.length >> 1] ?? Number.NaN;

function residentMb(runner: RunnerProcess): number {
  const status = readFileSync(`/proc/${runner.child.pid}/status`, 'utf8');
  return Math.round(Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1] ?? Number.NaN) / 1_024);
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
  const api = await fakeMessagesApi([{ say: 'done' }], MODEL);
  const firstRequestAfter = async (from: number) => {
    const before = api.seen.length;
    await until(() => api.seen.length > before);
    return (api.seen[before]?.at ?? Number.NaN) - from;
  };
  try {
    const runner = await stage.startRunner(api.url);
    let image: { tag: string } | null = null;
    await until(async () => {
      ({ image } = (await (await fetch(`${runner.url}/health`)).json()) as { image: { tag: string } | null });
      return image !== null;
    }, 600_000);
    const tag = (image as { tag: string } | null)?.tag ?? '';
    await new Promise((done) => setTimeout(done, IDLE_MS));
    const idleResidentMb = residentMb(runner);
    say(`runner idle: ${idleResidentMb} MB resident`);

    const runnerMs: number[] = [];
    const bareMs: number[] = [];
    // The first pair warms the caches of both and is not counted.
    for (let n = 0; n <= PAIRS; n++) {
      const request = stage.request(`bench ${n}`);
      const accepted = await stage.put(runner, request);
      if (accepted.status !== 202) throw new Error(`the run was answered with ${accepted.status}`);
      const ours = await firstRequestAfter(Date.now());
      await until(() => stage.typesOf(request.id).includes('ended'));

      const startedAt = Date.now();
      const bare = docker([
        ...['run', '--rm', '--network', 'host', '--label', `dogwatch.bench=${process.pid}`],
        ...['--env', `ANTHROPIC_BASE_URL=${api.url}`, '--env', 'ANTHROPIC_API_KEY=none'],
        ...['--env', 'CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1', '--workdir', '/opt/dogwatch'],
        ...[tag, 'node', '--input-type=module', '--eval', BARE_PROGRAM],
      ]);
      const theirs = await firstRequestAfter(startedAt);
      await bare;
      if (n === 0) continue;
      runnerMs.push(ours);
      bareMs.push(theirs);
      say(`pair ${n}: runner ${ours} ms, bare ${theirs} ms`);
    }
    const ratio = rounded(Math.min(...runnerMs) / Math.min(...bareMs));
    const ratioOfMedians = rounded(median(runnerMs) / median(bareMs));
    return {
      runnerMs,
      bareMs,
      ratio,
      ratioOfMedians,
      idleResidentMb,
      residentAfterRunsMb: residentMb(runner),
    };
  } finally {
    await stage.close();
    await api.close();
  }
}
