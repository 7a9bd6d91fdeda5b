import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { costMicroUsd } from '../../core/cost/prices.ts';
import { createDockerBackend } from '../../sandbox-runner/src/backend-docker.ts';
import { fakeGitServer } from '../../sandbox-runner/src/gateway/testing/fake-git-server.ts';
import type {
  Sandbox,
  SandboxBackend,
  SandboxHandlers,
  SandboxSpec,
} from '../../sandbox-runner/src/sandbox.ts';
import { root } from '../dev/worker-process.ts';
import { docker, openContainer } from './docker-command.ts';
import { buildOutside, type Outside } from './outside.ts';
import { openUpstreams, type Upstreams } from './upstreams.ts';

export const MODEL = 'claude-opus-5-5';
export const PROJECT = 'shop';
export const REPOSITORY = 'parcel-rates';

/** Secrets that exist nowhere but in the runner's settings; whoever finds one elsewhere has found a leak. */
export interface Canaries {
  modelKey: string;
  codePat: string;
}

export interface Cell {
  container: string;
  sandbox: Sandbox;
  spec: SandboxSpec;
  address: string;
  gateway: { host: string; port: number };
}

export interface Stage {
  folder: string;
  outside: Outside;
  upstreams: Upstreams;
  canaries: Canaries;
  backend: SandboxBackend;
  runnerLog: string[];
  image: string;
  open: string;
  cells: [Cell, Cell];
  commit: string;
  openCell(over?: Partial<SandboxSpec>): Promise<Cell>;
  close(): Promise<void>;
}

const canary = (name: string) => `canary-${name}-${randomBytes(12).toString('hex')}`;

export const quietHandlers: SandboxHandlers = {
  onTool: async () => ({ text: 'heard', isError: false }),
  onEvent: () => undefined,
  onUsage: () => undefined,
};

async function cellOf(sandbox: Sandbox, spec: SandboxSpec): Promise<Cell> {
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
    spec,
    address: network?.IPAddress ?? '',
    gateway: { host: url.hostname, port: Number(url.port) },
  };
}

/** Lets a cell's own session come up to its first model call: then its files, processes and requests are all there. */
async function untilModelCall(upstreams: Upstreams, calls: number): Promise<void> {
  const deadline = performance.now() + 60_000;
  const count = () => upstreams.seen.filter(({ service }) => service === 'anthropic').length;
  while (count() < calls) {
    if (performance.now() > deadline) throw new Error('the session of a cell did not come up');
    await new Promise((next) => setTimeout(next, 100));
  }
}

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
      { 'package.json': '{ "name": "probe", "version": "1.0.0" }', 'README.md': 'A repository.\n' },
    ]);
    closing.push(git.close);
    const upstreams = await openUpstreams(git.url);
    closing.push(upstreams.close);

    const canaries = { modelKey: canary('model'), codePat: canary('code') };
    const runnerLog: string[] = [];
    const backend = createDockerBackend({
      runner: `attack-${process.pid}`,
      stateDir: join(folder, 'sandboxes'),
      cacheDir: join(root, '.dogwatch'),
      anthropicBaseUrl: upstreams.anthropic,
      anthropicApiKey: canaries.modelKey,
      azureDevopsUrl: upstreams.azureDevops,
      azureDevopsPat: canaries.codePat,
      npmRegistryUrl: upstreams.registry,
      costMicroUsd,
      limits: { memoryMb: 1_024, cpus: 1, pids: 256, workspaceMb: 64, homeMb: 64, tmpMb: 32 },
      log: (line) => runnerLog.push(line),
    });
    closing.push(() => backend.close());
    const { digest } = await backend.ensureImage(progress);
    const open = await openContainer(digest, `dogwatch-attack-open-${process.pid}`);
    closing.push(open.close);

    let serial = 0;
    const openCell = async (over: Partial<SandboxSpec> = {}): Promise<Cell> => {
      const spec: SandboxSpec = {
        run: `run_attack_${process.pid}_${++serial}`,
        fence: 1,
        group: 'cody',
        model: MODEL,
        budgetUsd: 5,
        maxTurns: 20,
        timeoutMs: 10 * 60_000,
        charter: 'You wait.',
        prompt: 'Wait.',
        workspace: {
          project: PROJECT,
          repository: REPOSITORY,
          ref: 'refs/heads/main',
          commit: git.commits[0] ?? '',
        },
        identity: { name: 'Cody Codewell (AI Agent)', email: 'cody@agents.dogwatch.invalid' },
        routes: ['anthropic', 'git', 'npm'],
        tools: ['report', 'submit_fix'],
        ...over,
      };
      const before = upstreams.seen.filter(({ service }) => service === 'anthropic').length;
      const sandbox = await backend.start(spec, quietHandlers);
      if (sandbox.imageDigest === '' || sandbox.container === '') throw new Error('no cell');
      const settled = await Promise.race([sandbox.ended, untilModelCall(upstreams, before + 1)]);
      if (settled) throw new Error(`a cell ended at once: ${settled.reason}: ${settled.detail}`);
      return cellOf(sandbox, spec);
    };
    progress('starting two cells');
    const first = await openCell();
    const second = await openCell();
    return {
      folder,
      outside,
      upstreams,
      canaries,
      backend,
      runnerLog,
      image: digest,
      open: open.name,
      cells: [first, second],
      commit: git.commits[0] ?? '',
      openCell,
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}
