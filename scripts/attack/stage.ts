import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { Sandbox } from '../../sandbox-runner/src/backend/sandbox.ts';
import { fakeGitServer } from '../../sandbox-runner/src/gateway/testing/fake-git-server.ts';
import { root } from '../dev/worker-process.ts';
import {
  type BackendSettings,
  type Canaries,
  LOCK,
  newBackend,
  newSpec,
  PROJECT,
  quietHandlers,
  REPOSITORY,
} from './cell-spec.ts';
import { docker, openContainer } from './docker-command.ts';
import { buildOutside, type Outside } from './outside.ts';
import { openUpstreams, type Upstreams } from './upstreams.ts';

export interface Cell {
  container: string;
  sandbox: Sandbox;
  address: string;
  gateway: { host: string; port: number };
}

export interface Stage {
  folder: string;
  outside: Outside;
  upstreams: Upstreams;
  canaries: Canaries;
  runnerLog: string[];
  /** The agent image's id. */
  image: string;
  /** The container without walls. */
  open: string;
  cells: [Cell, Cell];
  commit: string;
  /** The runner's bare mirror of the repository. */
  mirror: string;
  openCell(): Promise<Cell>;
  /** What a runner that is going to be killed is told; `reapOrphans` is its next start. */
  orphan: { backend: BackendSettings; commit: string };
  reapOrphans(): Promise<string[]>;
  close(): Promise<void>;
}

const canary = (name: string) => `canary-${name}-${randomBytes(12).toString('hex')}`;

async function cellOf(sandbox: Sandbox): Promise<Cell> {
  const facts = JSON.parse(await docker('inspect', sandbox.container)) as {
    Config: { Env: string[] };
    NetworkSettings: { Networks: Record<string, { IPAddress: string }> };
  }[];
  const [container] = facts;
  const named = container?.Config.Env.find((entry) => entry.startsWith('DOGWATCH_GATEWAY='));
  const url = new URL((named ?? '').slice('DOGWATCH_GATEWAY='.length));
  const [network] = Object.values(container?.NetworkSettings.Networks ?? {});
  return {
    container: sandbox.container,
    sandbox,
    address: network?.IPAddress ?? '',
    gateway: { host: url.hostname, port: Number(url.port) },
  };
}

const START_TIMEOUT_MS = 60_000;

/** Outside, upstreams, a real backend with two cells, and the container without walls. */
export async function setStage(folder: string, progress: (line: string) => void): Promise<Stage> {
  const closing: (() => Promise<unknown>)[] = [];
  const close = async () => {
    for (const step of closing.splice(0).reverse()) {
      await step().catch((error: unknown) => progress(`clearing away: ${String(error)}`));
    }
  };
  try {
    progress('building the outside');
    const outside = await buildOutside(folder, `outside-${randomBytes(6).toString('hex')}`);
    closing.push(outside.close);
    const git = await fakeGitServer(PROJECT, REPOSITORY, [
      { 'package.json': '{ "name": "probe", "version": "1.0.0" }', 'package-lock.json': LOCK },
    ]);
    closing.push(git.close);
    const commit = git.commits[0] ?? '';
    const upstreams = await openUpstreams(git.url);
    closing.push(upstreams.close);

    const canaries = {
      modelKey: canary('model'),
      codePat: canary('code'),
      buildPat: canary('build'),
      githubToken: canary('github'),
      dozzleToken: canary('dozzle'),
    };
    const runnerLog: string[] = [];
    const log = (line: string) => void runnerLog.push(line);
    const settings = (runner: string): BackendSettings => ({
      runner: `${runner}-${process.pid}`,
      stateDir: join(folder, 'sandboxes'),
      cacheDir: join(root, '.dogwatch'),
      canaries,
      upstreams,
    });
    const backend = newBackend(settings('attack'), log);
    closing.push(() => backend.close());
    const { digest } = await backend.ensureImage(progress);
    const open = await openContainer(digest, `dogwatch-attack-open-${process.pid}`);
    closing.push(open.close);

    const modelCalls = () => upstreams.seen.filter(({ service }) => service === 'anthropic').length;
    /** Up to the session's first model call: then its files, processes and requests are all there. */
    const untilModelCall = async (calls: number): Promise<null> => {
      const deadline = performance.now() + START_TIMEOUT_MS;
      while (modelCalls() < calls) {
        if (performance.now() > deadline) throw new Error('the session of a cell did not come up');
        await new Promise((next) => setTimeout(next, 100));
      }
      return null;
    };
    let serial = 0;
    const openCell = async (): Promise<Cell> => {
      const before = modelCalls();
      const run = `run_attack_${process.pid}_${++serial}`;
      const sandbox = await backend.start(
        newSpec(run, commit, async () => git.bare),
        quietHandlers,
      );
      const end = await Promise.race([sandbox.ended, untilModelCall(before + 1)]);
      if (end) throw new Error(`a cell ended at once: ${end.reason}: ${end.detail}`);
      return cellOf(sandbox);
    };
    progress('starting two cells');
    const cells: [Cell, Cell] = [await openCell(), await openCell()];
    const orphan = { backend: settings('orphan'), commit };
    closing.push(() => newBackend(orphan.backend, log).reapOrphans());
    return {
      folder,
      outside,
      upstreams,
      canaries,
      runnerLog,
      image: digest,
      open: open.name,
      cells,
      commit,
      mirror: git.bare,
      openCell,
      orphan,
      reapOrphans: () => newBackend(orphan.backend, log).reapOrphans(),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}
