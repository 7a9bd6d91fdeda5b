import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { generateKeyPair, parsePublicKeys } from '../../wire/keys.ts';
import { connectEngine } from './docker.ts';
import { fakeGitServer } from './gateway/testing/fake-git-server.ts';
import { fakeMessagesApi, type Turn } from './gateway/testing/fake-messages-api.ts';
import { askRunner, createFakeWorker, type FakeWorker } from './testing/fake-worker.ts';
import { runRequest } from './testing/requests.ts';

const RUNNER = `recovery-${process.pid}`;
const workerKeys = await generateKeyPair('worker-1');
const runnerKeys = await generateKeyPair('runner-1');
const engine = connectEngine();

let git: Awaited<ReturnType<typeof fakeGitServer>>;
let worker: FakeWorker;
let stateDir: string;
const processes: ChildProcess[] = [];

beforeAll(async () => {
  git = await fakeGitServer('shop', 'parcel-rates', [{ 'a.txt': 'one\n' }, { 'a.txt': 'two\n' }]);
});
beforeEach(async () => {
  worker = await createFakeWorker(parsePublicKeys(JSON.stringify(runnerKeys.publicKeys)));
  stateDir = await mkdtemp(join(tmpdir(), 'dogwatch-recovery-'));
  return async () => {
    for (const child of processes.splice(0)) child.kill('SIGKILL');
    for (const { Id } of await containers()) await engine.getContainer(Id).remove({ force: true });
    const filters = { label: [`dogwatch.runner=${RUNNER}`] };
    for (const { Id } of await engine.listNetworks({ filters })) await engine.getNetwork(Id).remove();
    await worker.close();
    await rm(stateDir, { recursive: true, force: true });
  };
});
afterAll(() => git.close());

const containers = () =>
  engine.listContainers({ all: true, filters: { label: [`dogwatch.runner=${RUNNER}`] } });

/** The runner as a process of its own, so that it can be killed. Resolves with its address. */
async function startRunner(modelUrl: string, capacity = '3'): Promise<{ url: string; child: ChildProcess }> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'index.ts')], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: {
      PATH: process.env.PATH,
      HOME: process.env.HOME,
      RUNNER_PORT: '0',
      RUNNER_NAME: RUNNER,
      RUNNER_STATE_DIR: stateDir,
      RUNNER_CACHE_DIR: join(import.meta.dirname, '../../.dogwatch'),
      RUNNER_CAPACITY: capacity,
      RUNNER_SIGNING_KEY: JSON.stringify(runnerKeys.signingKey),
      WORKER_URL: worker.url,
      WORKER_PUBLIC_KEYS: JSON.stringify(workerKeys.publicKeys),
      AZURE_DEVOPS_URL: git.url,
      AZURE_DEVOPS_CODE_PAT: 'canary-code-pat',
      ANTHROPIC_BASE_URL: modelUrl,
      ANTHROPIC_API_KEY: 'canary-model-key',
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

const bash = (command: string): Turn => ({ call: 'Bash', input: { command, description: 'work' } });
const report: Turn = {
  call: 'mcp__dogwatch__report',
  input: {
    kind: 'fix',
    outcome: 'not_code',
    finding: 'f',
    reasoning: 'r',
    rootCause: 'c',
    confidence: 0.9,
    alternatives: [],
    evidence: [{ claim: 'x', source: 'log:1-2' }],
  },
};
const handOff = {
  objective: 'Write b.txt.',
  done: ['a.txt'],
  remaining: ['b.txt'],
  decisions: [],
  files: ['a.txt'],
  blockers: [],
};
const tools = ['report', 'checkpoint'];
const credentials = ['anthropic', 'azure-devops-code'];

const request = (name: string, change = {}) =>
  runRequest(name, { timeoutMs: 120_000, tools, credentials, fix: null, ...change }, git.commits[1] ?? '');
const put = (url: string, body: ReturnType<typeof request>) =>
  askRunner(workerKeys.signingKey, url, 'PUT', `/v1/runs/${body.id}`, body);

async function until(probe: () => boolean | Promise<boolean>, timeoutMs = 60_000): Promise<void> {
  const end = Date.now() + timeoutMs;
  while (!(await probe())) {
    if (Date.now() > end) throw new Error('it did not happen in time');
    await new Promise((done) => setTimeout(done, 100));
  }
}
const typesOf = (run: string) => worker.events.filter((event) => event.run === run).map(({ type }) => type);
const outputs = (run: string) =>
  worker.events.flatMap((event) =>
    event.run === run && event.type === 'tool' && event.data.phase === 'succeeded' ? [event.data.output] : [],
  );

describe('kill -9 of the runner in mid-run', () => {
  test('the next process takes the container back: same container, same sequence, nothing told twice, a result', async () => {
    const api = await fakeMessagesApi(
      [bash('echo first'), bash('sleep 6; echo second'), bash('echo third'), report, { say: 'done' }],
      'claude-opus-5-5',
    );
    try {
      const first = await startRunner(api.url);
      const body = request('taken back');
      expect((await put(first.url, body)).status).toBe(202);
      await until(() => outputs(body.id).some((output) => output?.includes('first')));
      await until(() => typesOf(body.id).filter((type) => type === 'tool').length >= 3);
      const [before] = await containers();
      first.child.kill('SIGKILL');
      await new Promise((done) => first.child.once('exit', done));

      await startRunner(api.url);
      await worker.waitFor('ended', body.id);
      const told = worker.events.filter((event) => event.run === body.id);
      expect(told.map(({ seq }) => seq)).toEqual(told.map((_, index) => index + 1));
      expect(typesOf(body.id).filter((type) => type === 'started')).toHaveLength(1);
      expect(told.at(-1)).toMatchObject({ type: 'ended', data: { reason: 'completed' } });
      expect(outputs(body.id).join('\n')).toMatch(/first[\s\S]*second[\s\S]*third/);
      expect(told.find(({ type }) => type === 'started')).toMatchObject({
        data: { container: before?.Names[0]?.slice(1) },
      });
      await until(async () => (await containers()).length === 0);
    } finally {
      await api.close();
    }
  });

  test('what did not live on is told interrupted; from its checkpoint a higher fence goes on, and the old one is stale', async () => {
    const api = await fakeMessagesApi(
      [
        bash('echo committed > a.txt && git commit -qam "First item" && echo loose > b.txt'),
        { call: 'mcp__dogwatch__checkpoint', input: handOff },
        bash('sleep 60'),
      ],
      'claude-opus-5-5',
    );
    const second = await fakeMessagesApi(
      [bash('git log -1 --format=%s; git status --short; cat a.txt b.txt'), report, { say: 'done' }],
      'claude-opus-5-5',
    );
    try {
      const first = await startRunner(api.url);
      const body = request('goes on');
      await put(first.url, body);
      const kept = await worker.waitFor('checkpoint', body.id);
      if (kept.type !== 'checkpoint') throw new Error('no checkpoint');
      expect(kept.data).toMatchObject({ handOff, uncommitted: expect.any(String) });
      first.child.kill('SIGKILL');
      for (const { Id } of await containers()) await engine.getContainer(Id).remove({ force: true });

      const next = await startRunner(second.url);
      expect(await worker.waitFor('ended', body.id)).toMatchObject({ data: { reason: 'interrupted' } });
      const again = { ...body, fence: 2, checkpoint: kept.data };
      expect((await put(next.url, again)).status).toBe(202);
      expect((await put(next.url, body)).status).toBe(409);
      await until(() => worker.events.some((event) => event.fence === 2 && event.type === 'ended'));
      expect(outputs(body.id).join('\n')).toMatch(/First item[\s\S]*\?\? b.txt[\s\S]*committed[\s\S]*loose/);
      expect(worker.events.at(-1)).toMatchObject({ fence: 2, data: { reason: 'completed' } });
    } finally {
      await api.close();
      await second.close();
    }
  });
});

test('SIGTERM takes nothing new, keeps the work of a session that makes its next call, and is bounded', async () => {
  const api = await fakeMessagesApi(
    [...Array.from({ length: 40 }, (_, n) => bash(`echo ${n} >> b.txt; sleep 1`)), { say: 'done' }],
    'claude-opus-5-5',
  );
  try {
    const { url, child } = await startRunner(api.url);
    const body = request('kept');
    await put(url, body);
    await until(() => outputs(body.id).length >= 2);
    const startedAt = Date.now();
    child.kill('SIGTERM');
    await new Promise((done) => child.once('exit', done));
    expect(Date.now() - startedAt).toBeLessThan(20_000);
    expect(typesOf(body.id)).toContain('checkpoint');
    expect(worker.events.at(-1)).toMatchObject({ type: 'ended', data: { reason: 'interrupted' } });
    expect(await containers()).toEqual([]);
  } finally {
    await api.close();
  }
});
