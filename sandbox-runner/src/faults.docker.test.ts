import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { fakeMessagesApi, type Turn } from './gateway/testing/fake-messages-api.ts';
import type { HealthReport } from './health.ts';
import { openRunnerStage, type RunnerProcess, type RunnerStage, until } from './testing/runner-process.ts';

const MODEL = 'claude-opus-5-5';
const isRoot = process.getuid?.() === 0;
const undo: (() => Promise<void> | void)[] = [];
let stage: RunnerStage;
let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'dogwatch-faults-'));
  stage = await openRunnerStage(`faults-${process.pid}`);
});
afterEach(async () => {
  await stage.close();
  for (const step of undo.splice(0).reverse()) await step();
  await rm(folder, { recursive: true, force: true });
});

const health = async ({ url }: RunnerProcess) =>
  (await (await fetch(`${url}/health`)).json()) as HealthReport;
const problemsOf = async (runner: RunnerProcess) => (await health(runner)).problems.join('\n');
const slow: Turn = { call: 'Bash', input: { command: 'sleep 60', description: 'wait' } };

/** A runner process that is asked for a run; what the run ended of. */
async function endOf(runner: RunnerProcess, name: string) {
  const request = stage.request(name);
  expect((await stage.put(runner, request)).status).toBe(202);
  const ended = await stage.worker.waitFor('ended', request.id);
  if (ended.type !== 'ended') throw new Error('unreachable');
  return ended.data;
}

/** A small file system of its own. */
function smallDisk(sizeMb: number): string {
  const path = join(folder, 'small');
  mkdirSync(path);
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${sizeMb}m`, 'tmpfs', path]);
  undo.push(() => void execFileSync('umount', ['--lazy', path]));
  return path;
}

/** A second engine that can be stopped without disturbing anybody; it shares nothing with the first but the kernel. */
async function secondEngine(): Promise<{
  host: string;
  stop: () => Promise<void>;
  start: () => Promise<void>;
}> {
  const host = `unix://${folder}/engine.sock`;
  const namespace = `faults-${process.pid}`;
  execFileSync('ip', ['netns', 'add', namespace]);
  undo.push(() => void execFileSync('ip', ['netns', 'delete', namespace]));
  let child: ReturnType<typeof spawn> | null = null;
  const start = async () => {
    child = spawn(
      'nsenter',
      [
        ...[`--net=/run/netns/${namespace}`, 'dockerd', '--host', host, '--bridge', 'none'],
        ...['--data-root', join(folder, 'data'), '--exec-root', join(folder, 'exec')],
        ...['--pidfile', join(folder, 'engine.pid')],
      ],
      { stdio: 'ignore' },
    );
    await until(() => {
      try {
        execFileSync('docker', ['--host', host, 'info'], { stdio: 'ignore' });
        return true;
      } catch {
        return false;
      }
    });
  };
  const stop = async () => {
    if (child === null || child.exitCode !== null) return;
    child.kill('SIGTERM');
    await new Promise((done) => child?.once('exit', done));
  };
  undo.push(stop);
  await start();
  return { host, start, stop };
}

describe('without an engine', () => {
  test('runs end with cause and fix, and health says the same', async () => {
    const socket = join(folder, 'docker.sock');
    const runner = await stage.startRunner('http://127.0.0.1:9', { DOCKER_HOST: `unix://${socket}` });
    const said = /engine: no Docker Engine answers \(ENOENT\)\. Start it .*or install it/;
    const end = await endOf(runner, 'nowhere');
    expect(end).toMatchObject({ reason: 'start_failed', detail: expect.stringMatching(said) });
    expect(await health(runner)).toMatchObject({ engine: 'failing', image: null });
    expect(await problemsOf(runner)).toMatch(said);
    writeFileSync(socket, '');
    expect((await endOf(runner, 'no socket')).detail).toContain('ECONNREFUSED');
  });

  test.runIf(isRoot && existsSync('/usr/sbin/dockerd'))(
    'an engine that stops under a runner is noticed, and its return too',
    async () => {
      const engine = await secondEngine();
      const runner = await stage.startRunner('http://127.0.0.1:9', { DOCKER_HOST: engine.host });
      // It can build nothing here in the time of a test: what counts is what is said of the engine.
      await until(async () => (await health(runner)).isolation.length > 0);
      await engine.stop();
      await until(async () => /engine: no Docker Engine answers/.test(await problemsOf(runner)), 60_000);
      await engine.start();
      await until(async () => !/engine: no Docker Engine/.test(await problemsOf(runner)), 60_000);
    },
    180_000,
  );
});

describe('an image that does not build', () => {
  test.each([
    [
      'npm could not install the Agent SDK',
      'npm ping',
      () => ({
        RUNNER_CACHE_DIR: join(folder, 'cache'),
        npm_config_registry: 'http://127.0.0.1:9/',
        npm_config_fetch_retries: '0',
        npm_config_cache: join(folder, 'npm'),
      }),
    ],
    [
      'cannot be used (EEXIST)',
      'Set RUNNER_CACHE_DIR',
      () => {
        writeFileSync(join(folder, 'file'), '');
        return { RUNNER_CACHE_DIR: join(folder, 'file') };
      },
    ],
  ])(
    'is told with its cause and its fix, in the run and in the health report: %s',
    async (cause, fix, environment) => {
      const settings = { RUNNER_BACKEND: 'unsafe-process', ...environment() };
      const runner = await stage.startRunner('http://127.0.0.1:9', settings);
      const { reason, detail } = await endOf(runner, 'no image');
      expect(reason).toBe('start_failed');
      for (const text of [detail, await problemsOf(runner)]) {
        expect(text).toContain(cause);
        expect(text).toContain(fix);
      }
      expect(await health(runner)).toMatchObject({ engine: 'failing' });
    },
  );
});

describe.runIf(isRoot)('a full disk', () => {
  test('starts nothing, says so, keeps the end of what ran, and goes on when there is room', async () => {
    const state = smallDisk(2);
    const api = await fakeMessagesApi([slow, { say: 'done' }], MODEL);
    undo.push(() => api.close());
    const runner = await stage.startRunner(api.url, { RUNNER_STATE_DIR: state });
    const running = stage.request('running');
    expect((await stage.put(runner, running)).status).toBe(202);
    await until(() => stage.typesOf(running.id).includes('tool'));
    const filler = join(state, 'filler');
    try {
      writeFileSync(filler, Buffer.alloc(4 * 1024 * 1024));
    } catch {
      // That is the point.
    }
    const refused = await stage.put(runner, stage.request('refused'));
    expect(refused.status).toBe(503);
    expect(await refused.text()).toContain('disk is full');
    expect(await problemsOf(runner)).toMatch(/disk: \d+ MB left; free some on/);
    // Its container dies while nothing can be written.
    await stage.removeContainers();
    await new Promise((done) => setTimeout(done, 3_000));
    rmSync(filler);
    await stage.worker.waitFor('ended', running.id);
    const told = stage.worker.events.filter((event) => event.run === running.id);
    expect(told.map(({ seq }) => seq)).toEqual(told.map((_, index) => index + 1));
    expect((await stage.put(runner, stage.request('again'))).status).toBe(202);
    expect(runner.child.exitCode).toBeNull();
  });
});
