import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RunnerEvent, RunRequest } from '../../../core/contracts/run.ts';
import { generateKeyPair, parsePublicKeys } from '../../../wire/keys.ts';
import { connectEngine } from '../docker/docker.ts';
import { fakeGitServer } from '../gateway/testing/fake-git-server.ts';
import { askRunner, createFakeWorker, type FakeWorker } from './fake-worker.ts';
import { runRequest } from './requests.ts';

export interface RunnerProcess {
  url: string;
  child: ChildProcess;
}

/** A Worker, a repository and a real runner process with real containers between them. */
export interface RunnerStage {
  worker: FakeWorker;
  /** Starts the runner; again after it was killed, on the same state. Resolves when it listens. */
  startRunner(modelUrl: string, environment?: Record<string, string>): Promise<RunnerProcess>;
  request(name: string, change?: Partial<RunRequest>): RunRequest;
  put(runner: RunnerProcess, request: RunRequest): Promise<Response>;
  /** Asks as the Worker does. */
  ask(runner: RunnerProcess, method: string, path: string, value?: unknown): Promise<Response>;
  /** As a crash or `kill -9` does. */
  kill(runner: RunnerProcess): Promise<void>;
  /** What runs work on: a bare repository, and its commits. */
  repository: { bare: string; commits: string[] };
  /** A message of the operator for the session of a request. */
  say(runner: RunnerProcess, request: RunRequest, id: string, text: string): Promise<Response>;
  /** Containers of this stage's runners, running or not. */
  containers(): Promise<{ Id: string; Names: string[] }[]>;
  removeContainers(): Promise<void>;
  typesOf(run: string): RunnerEvent['type'][];
  /** What the tools of a run said when they succeeded. */
  outputs(run: string): string;
  close(): Promise<void>;
}

const CREDENTIALS = ['anthropic', 'azure-devops-code'];

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGKILL');
  await new Promise((done) => child.once('exit', done));
}

/** `name` keeps the containers of this stage apart from those of other runners. */
export async function openRunnerStage(name: string): Promise<RunnerStage> {
  const workerKeys = await generateKeyPair('worker-1');
  const runnerKeys = await generateKeyPair(name);
  const git = await fakeGitServer('shop', 'parcel-rates', [{ 'a.txt': 'one\n' }, { 'a.txt': 'two\n' }]);
  const worker = await createFakeWorker(parsePublicKeys(JSON.stringify(runnerKeys.publicKeys)));
  const stateDir = await mkdtemp(join(tmpdir(), 'dogwatch-stage-'));
  const engine = connectEngine();
  const label = [`dogwatch.runner=${name}`];
  const processes: ChildProcess[] = [];

  async function startRunner(modelUrl: string, environment: Record<string, string> = {}) {
    const child = spawn(process.execPath, [join(import.meta.dirname, '../index.ts')], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: {
        PATH: process.env.PATH,
        HOME: process.env.HOME,
        ...(process.env.DOCKER_HOST ? { DOCKER_HOST: process.env.DOCKER_HOST } : {}),
        RUNNER_PORT: '0',
        RUNNER_NAME: name,
        RUNNER_STATE_DIR: stateDir,
        RUNNER_CACHE_DIR: join(import.meta.dirname, '../../../.dogwatch'),
        RUNNER_SIGNING_KEY: JSON.stringify(runnerKeys.signingKey),
        WORKER_URL: worker.url,
        WORKER_PUBLIC_KEYS: JSON.stringify(workerKeys.publicKeys),
        AZURE_DEVOPS_URL: git.url,
        AZURE_DEVOPS_CODE_PAT: 'canary-code-pat',
        ANTHROPIC_BASE_URL: modelUrl,
        ANTHROPIC_API_KEY: 'canary-model-key',
        ...environment,
      },
    });
    processes.push(child);
    const url = await new Promise<string>((ready, failed) => {
      let text = '';
      child.stdout?.on('data', (chunk: Buffer) => {
        text += chunk.toString();
        const found = /^ready (\S+)$/m.exec(text);
        if (found?.[1]) ready(found[1]);
      });
      child.once('exit', (code) => failed(new Error(`the runner ended with ${code}: ${text}`)));
    });
    return { url, child };
  }

  const containers = () => engine.listContainers({ all: true, filters: { label } });
  async function removeContainers(): Promise<void> {
    for (const { Id } of await containers()) await engine.getContainer(Id).remove({ force: true });
  }

  return {
    worker,
    startRunner,
    request: (run, change = {}) =>
      runRequest(
        run,
        {
          timeoutMs: 120_000,
          tools: ['report', 'checkpoint'],
          credentials: CREDENTIALS,
          fix: null,
          ...change,
        },
        git.commits[1] ?? '',
      ),
    put: ({ url }, body) => askRunner(workerKeys.signingKey, url, 'PUT', `/v1/runs/${body.id}`, body),
    ask: ({ url }, ...what) => askRunner(workerKeys.signingKey, url, ...what),
    kill: ({ child }) => ended(child),
    repository: git,
    say: ({ url }, { id: run, fence }, id, text) =>
      askRunner(workerKeys.signingKey, url, 'PUT', `/v1/runs/${run}/messages/${id}`, {
        id,
        fence,
        from: 'operator',
        text,
        at: Date.now(),
      }),
    containers,
    removeContainers,
    typesOf: (run) => worker.events.filter((event) => event.run === run).map(({ type }) => type),
    outputs: (run) =>
      worker.events
        .flatMap((event) =>
          event.run === run && event.type === 'tool' && event.data.phase === 'succeeded'
            ? [event.data.output ?? '']
            : [],
        )
        .join('\n'),
    async close() {
      for (const child of processes) await ended(child);
      await removeContainers();
      for (const { Id } of await engine.listNetworks({ filters: { label } }))
        await engine.getNetwork(Id).remove();
      await worker.close();
      await git.close();
      await rm(stateDir, { recursive: true, force: true });
    },
  };
}

/** Resolves when the probe says yes. */
export async function until(probe: () => boolean | Promise<boolean>, timeoutMs = 60_000): Promise<void> {
  const end = Date.now() + timeoutMs;
  while (!(await probe())) {
    if (Date.now() > end) throw new Error('it did not happen in time');
    await new Promise((done) => setTimeout(done, 50));
  }
}
