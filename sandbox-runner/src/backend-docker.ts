import { randomBytes } from 'node:crypto';
import { runCommands } from './backend-commands.ts';
import { type BackendOptions, DEFAULT_LIMITS, gatewaySettings, npmEnvironment } from './backend-options.ts';
import { boundedOutput } from './backend-output.ts';
import { decideEnd, openSession } from './backend-session.ts';
import { connectEngine, DockerError, type Engine } from './docker.ts';
import { type Container, ownedContainers, removeContainer, startContainer } from './docker-containers.ts';
import { type Firewall, openFirewall } from './docker-firewall.ts';
import {
  createNetwork,
  livingBridges,
  ownedNetworks,
  type RunNetwork,
  removeNetwork,
} from './docker-networks.ts';
import { type Gateway, openGateway } from './gateway/gateway.ts';
import { type AgentImage, ensureAgentImage } from './image.ts';
import type {
  CommandResult,
  CommandSpec,
  Sandbox,
  SandboxBackend,
  SandboxEnd,
  SandboxHandlers,
  SandboxSpec,
} from './sandbox.ts';

const WORKSPACE_FOLDER = '/workspace/repo';
const LOG_TAIL_BYTES = 64 * 1024;
/** A session whose budget is spent gets this long to end by itself. */
const BUDGET_GRACE_MS = 30_000;

/** Undoes what was set up, last first; one failure does not keep the rest from being undone. */
class Cleanup {
  #steps: (() => Promise<void>)[] = [];
  readonly #log: (line: string) => void;
  constructor(log: (line: string) => void) {
    this.#log = log;
  }
  add(step: () => Promise<void>) {
    this.#steps.push(step);
  }
  async run() {
    for (const step of this.#steps.splice(0).reverse()) {
      await step().catch((error: unknown) => this.#log(`cleaning up: ${String(error)}`));
    }
  }
}

const unreachableNetwork = (error: unknown) =>
  (error as NodeJS.ErrnoException).code === 'EADDRNOTAVAIL'
    ? new DockerError(
        "The engine's networks are not on this machine (Docker Desktop, or a remote DOCKER_HOST). The runner must be on the engine's own Linux host; for a demo use --no-docker.",
        { retryable: false, cause: error },
      )
    : error;

/** Sandboxes in containers of a Docker Engine on this host: see sandbox.ts for the contract. */
export function createDockerBackend(options: BackendOptions): SandboxBackend {
  const engine: Engine = connectEngine();
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  const settings = gatewaySettings(options);
  const firewall: Promise<Firewall> = openFirewall();
  firewall.then(({ problems }) => {
    for (const problem of problems()) options.log(problem);
  });
  const living = new Set<() => Promise<void>>();
  let image: Promise<AgentImage> | null = null;

  function ensureImage(progress: (line: string) => void): Promise<AgentImage> {
    image ??= ensureAgentImage(engine, { cacheFolder: options.cacheDir, now: () => new Date() }, progress);
    image.catch(() => {
      image = null;
    });
    return image;
  }

  const nameOf = (label: string) =>
    `dogwatch-${label.replace(/[^a-zA-Z0-9_.-]/g, '-').slice(0, 60)}-${randomBytes(3).toString('hex')}`;

  /** A network with a gateway in it and the host closed around that. */
  async function openNetwork(
    name: string,
    labels: Record<string, string>,
    listen: (network: RunNetwork) => Promise<{ gateway: Gateway; close: () => Promise<void> }>,
    cleanup: Cleanup,
  ): Promise<{ network: RunNetwork; gateway: Gateway }> {
    const network = await createNetwork(engine, name, labels);
    cleanup.add(() => removeNetwork(engine, network.id));
    const { gateway, close } = await listen(network).catch((error) => {
      throw unreachableNetwork(error);
    });
    cleanup.add(close);
    await (await firewall).allow(network.bridge, network.gateway, gateway.port);
    cleanup.add(async () => (await firewall).forget(network.bridge));
    return { network, gateway };
  }

  const containerOf = (
    name: string,
    labels: Record<string, string>,
    network: RunNetwork,
    gateway: Gateway,
    command: string[],
    env: Record<string, string>,
    tag: string,
  ) => ({
    name,
    image: tag,
    network: network.name,
    labels,
    env: { DOGWATCH_GATEWAY: gateway.url, ...npmEnvironment(gateway.url), ...env },
    command,
    limits,
  });

  async function start(spec: SandboxSpec, handlers: SandboxHandlers): Promise<Sandbox> {
    const startedAt = performance.now();
    const elapsed = () => Math.round(performance.now() - startedAt);
    const cleanup = new Cleanup(options.log);
    const name = nameOf(`${spec.run}-${spec.fence}`);
    const labels = {
      'dogwatch.runner': options.runner,
      'dogwatch.run': spec.run,
      'dogwatch.fence': String(spec.fence),
    };
    let transcriptPath: string | null = null;
    let agentImage: AgentImage = { tag: '', digest: '' };
    try {
      agentImage = await ensureImage(options.log);
      const gatewaysOptions = await settings;
      let session: Awaited<ReturnType<typeof openSession>> | undefined;
      const { network, gateway } = await openNetwork(
        name,
        labels,
        async ({ gateway: host }) => {
          const place = {
            host,
            stateDir: options.stateDir,
            workspaceFolder: WORKSPACE_FOLDER,
            log: options.log,
          };
          session = await openSession(spec, handlers, place, gatewaysOptions);
          return session;
        },
        cleanup,
      );
      if (!session) throw new Error('unreachable: a network opens with its session');
      const opened = session;
      transcriptPath = opened.doors.transcriptPath;
      const logs = boundedOutput(LOG_TAIL_BYTES);
      const container = await startContainer(
        engine,
        containerOf(
          name,
          labels,
          network,
          gateway,
          ['node', '/opt/dogwatch/agent/main.ts'],
          {},
          agentImage.digest,
        ),
        logs.push,
      );
      cleanup.add(() => container.remove());

      let killedAs: 'canceled' | 'timeout' | null = null;
      const kill = async (reason: 'canceled' | 'timeout') => {
        killedAs ??= reason;
        await container.kill();
      };
      const clock = setTimeout(() => void kill('timeout').catch(() => undefined), spec.timeoutMs);
      let graceOver: NodeJS.Timeout | undefined;
      const budgetWatch = setInterval(() => {
        if (!opened.budgetSpent() || graceOver) return;
        graceOver = setTimeout(() => void container.kill().catch(() => undefined), BUDGET_GRACE_MS);
      }, 1_000);
      const stop = () => kill('canceled');
      living.add(stop);

      const finish = async (): Promise<SandboxEnd> => {
        const exit = await container.exited.catch((error: unknown) => {
          logs.push(Buffer.from(`\nThe engine lost the container: ${String(error)}`));
          return { exitCode: -1, outOfMemory: false };
        });
        clearTimeout(clock);
        clearInterval(budgetWatch);
        clearTimeout(graceOver);
        living.delete(stop);
        const durationMs = elapsed();
        await cleanup.run();
        const end = decideEnd({
          killedAs,
          budgetSpent: opened.budgetSpent(),
          ...exit,
          said: opened.doors.end(),
          logTail: logs.text().slice(-2_000),
        });
        const turns = opened.doors.end()?.turns ?? opened.doors.turns();
        return { ...end, detail: end.detail.slice(0, 4_000), turns, durationMs, transcriptPath };
      };
      return {
        container: name,
        imageTag: agentImage.tag,
        imageDigest: agentImage.digest,
        ended: finish(),
        kill,
      };
    } catch (error) {
      await cleanup.run();
      const detail = (error instanceof Error ? error.message : String(error)).slice(0, 4_000);
      options.log(`${spec.run}: ${detail}`);
      const end: SandboxEnd = {
        reason: 'start_failed',
        detail,
        turns: 0,
        durationMs: elapsed(),
        transcriptPath,
      };
      return {
        container: name,
        imageTag: agentImage.tag,
        imageDigest: agentImage.digest,
        ended: Promise.resolve(end),
        kill: async () => undefined,
      };
    }
  }

  async function runCommand(spec: CommandSpec): Promise<CommandResult> {
    const cleanup = new Cleanup(options.log);
    const name = nameOf(`proof-${spec.label}`);
    const labels = { 'dogwatch.runner': options.runner, 'dogwatch.run': spec.label, 'dogwatch.fence': '0' };
    const agentImage = await ensureImage(options.log);
    const gatewaysOptions = await settings;
    try {
      const { network, gateway } = await openNetwork(
        name,
        labels,
        async ({ gateway: host }) => {
          const grant = {
            routes: ['npm'],
            repository: null,
            tools: null,
            model: null,
            budgetUsd: 0,
            doors: null,
            onUsage: () => undefined,
            onBudgetSpent: () => undefined,
          };
          const opened = await openGateway(host, gatewaysOptions, grant, options.log);
          return { gateway: opened, close: opened.close };
        },
        cleanup,
      );
      const container: Container = await startContainer(
        engine,
        containerOf(name, labels, network, gateway, ['sleep', 'infinity'], { CI: 'true' }, agentImage.digest),
        () => undefined,
      );
      cleanup.add(() => container.remove());
      let timedOut = false;
      const clock = setTimeout(() => {
        timedOut = true;
        void container.kill().catch(() => undefined);
      }, spec.timeoutMs);
      cleanup.add(async () => clearTimeout(clock));
      const stop = () => container.kill();
      living.add(stop);
      cleanup.add(async () => void living.delete(stop));
      await container.exec(['mkdir', '-p', WORKSPACE_FOLDER], { folder: '/workspace' });
      return await runCommands(
        spec,
        (command, io) => container.exec(command, { folder: WORKSPACE_FOLDER, ...io }),
        () => timedOut,
      );
    } finally {
      await cleanup.run();
    }
  }

  return {
    ensureImage,
    start,
    runCommand,
    async reapOrphans() {
      const reaped: string[] = [];
      for (const { id, name } of await ownedContainers(engine, options.runner)) {
        await removeContainer(engine, id);
        reaped.push(name);
      }
      for (const { id, name } of await ownedNetworks(engine, options.runner)) {
        await removeNetwork(engine, id);
        if (!reaped.includes(name)) reaped.push(name);
      }
      await (await firewall).reap(await livingBridges(engine));
      return reaped;
    },
    async close() {
      await Promise.all([...living].map((stop) => stop().catch(() => undefined)));
    },
  };
}
