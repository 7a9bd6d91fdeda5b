import { execFileSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { fakeGitServer } from '../gateway/testing/fake-git-server.ts';
import { fakeMessagesApi, type Turn } from '../gateway/testing/fake-messages-api.ts';
import { CACHE_DIR, MODEL, sandboxSpec } from '../testing/sandbox-spec.ts';
import { createUnsafeProcessBackend } from './backend-process.ts';
import type { SandboxEvent } from './sandbox.ts';

/** Needs no engine, but installs the Agent SDK: too slow for the suite of pure tests. */
let git: Awaited<ReturnType<typeof fakeGitServer>>;
let stateDir: string;

beforeAll(async () => {
  stateDir = await mkdtemp(join(tmpdir(), 'dogwatch-state-'));
  git = await fakeGitServer('shop', 'rates', [{ 'a.txt': 'one\n' }, { 'a.txt': 'two\n' }]);
});
afterAll(async () => {
  await git.close();
  await rm(stateDir, { recursive: true, force: true });
});

async function backendWith(turns: Turn[]) {
  const api = await fakeMessagesApi(turns, MODEL);
  const lines: string[] = [];
  const backend = createUnsafeProcessBackend({
    runner: 'test',
    stateDir,
    cacheDir: CACHE_DIR,
    anthropicBaseUrl: api.url,
    anthropicApiKey: 'sk-canary',
    azureDevopsUrl: git.url,
    azureDevopsPat: null,
    npmRegistryUrl: null,
    costMicroUsd: () => 0,
    log: (line) => lines.push(line),
  });
  const events: SandboxEvent[] = [];
  const start = (timeoutMs: number) =>
    backend.start(
      sandboxSpec(git, 'rates', {
        maxTurns: 5,
        timeoutMs,
        prompt: 'The commit is at /workspace/repo.',
        routes: ['anthropic', 'git'],
        credentials: ['anthropic'],
      }),
      {
        onTool: async () => ({ text: '', isError: false }),
        onEvent: (e) => events.push(e),
        onUsage: () => undefined,
      },
    );
  return { api, backend, lines, events, start };
}

it('runs the same session in a folder of its own, and says that it is unsafe', async () => {
  const { api, start, events, lines } = await backendWith([
    { call: 'Bash', input: { command: 'cat a.txt; env', description: 'look' } },
    { say: 'done' },
  ]);
  const end = await (await start(60_000)).ended;
  expect(end).toMatchObject({ reason: 'completed', turns: 2 });
  const ledger = JSON.stringify(events);
  expect(ledger).toContain('one');
  expect(ledger).not.toContain('sk-canary');
  expect(JSON.stringify(api.seen.map(({ body }) => body.messages))).not.toContain('/workspace/repo');
  expect(lines.filter((line) => line.includes('UNSAFE')).length).toBeGreaterThan(1);
  await api.close();
});

it('ends at its time limit, with all that it started', async () => {
  const { api, start } = await backendWith([
    { call: 'Bash', input: { command: 'sleep 5051', description: 'wait' } },
    { say: 'done' },
  ]);
  expect(await (await start(4_000)).ended).toMatchObject({ reason: 'timeout' });
  expect(execFileSync('ps', ['-A', '-o', 'args='], { encoding: 'utf8' })).not.toContain('sleep 5051');
  await api.close();
});

it('runs proofs', async () => {
  const { api, backend } = await backendWith([]);
  const [base = '', head = ''] = git.commits;
  const common = { label: 'x', repository: git.bare, timeoutMs: 30_000, commands: ['pwd', 'grep two a.txt'] };
  expect((await backend.runCommand({ ...common, commit: base, overlay: [] })).exitCode).toBe(1);
  const overlay = [{ path: 'a.txt', fromCommit: head }];
  expect(await backend.runCommand({ ...common, commit: base, overlay })).toMatchObject({
    exitCode: 0,
    output: 'two\n',
  });
  await api.close();
});
