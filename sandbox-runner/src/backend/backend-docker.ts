import { connectEngine, type Engine, explained } from '../docker/docker.ts';
import { cellName, openCell } from '../docker/docker-cell.ts';
import { Cleanup } from '../docker/docker-cleanup.ts';
import { EngineCondition } from '../docker/docker-condition.ts';
import { type Container, ownedContainers, removeContainer } from '../docker/docker-containers.ts';
import { openFirewall } from '../docker/docker-firewall.ts';
import { NetworkPool } from '../docker/docker-network-pool.ts';
import { livingBridges, ownedNetworks, removeNetwork } from '../docker/docker-networks.ts';
import { findCell, reopenCell } from '../docker/docker-take-back.ts';
import { tunnelHosts } from '../gateway/routes.ts';
import { type AgentImage, ensureAgentImage } from '../image/image.ts';
import { runCommands } from './backend-commands.ts';
import { type BackendOptions, DEFAULT_LIMITS, gatewaySettings } from './backend-options.ts';
import { boundedOutput } from './backend-output.ts';
import { checkRequested, decideEnd, openProofGateway, openSession, type Session } from './backend-session.ts';
import type {
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

/** Sandboxes in containers of a Docker Engine on this host: see sandbox.ts for the contract. */
export function createDockerBackend(options: BackendOptions): SandboxBackend {
  const engine: Engine = connectEngine();
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  const settings = gatewaySettings(options);
  const firewall = openFirewall();
  const networks = new NetworkPool(engine, options.runner, options.log);
  /** What runs now: how to stop it, and when it has been cleared away. */
  const living = new Set<{ stop: () => Promise<void>; gone: Promise<unknown> }>();
  /** Names of the containers that this process opened or took back: reaping leaves them alone. */
  const held = new Set<string>();
  let image: Promise<AgentImage> | null = null;
  const condition = new EngineCondition(engine, options.runtime ?? null);
  void firewall.then((opened) => {
    const open = opened.problems().join(' ');
    if (open === '') return;
    condition.firewallOpen(open);
    options.log(open);
  });

  function ensureImage(progress: (line: string) => void): Promise<AgentImage> {
    if (image !== null) return image;
    image = condition
      .requireRuntime()
      .then(() =>
        ensureAgentImage(engine, { cacheFolder: options.cacheDir, now: () => new Date() }, progress),
      );
    image.then(
      () => networks.refill(0),
      () => {
        image = null;
      },
    );
    return image;
  }

  function track(stop: () => Promise<void>, gone: Promise<unknown>) {
    const entry = { stop, gone };
    living.add(entry);
    void gone.catch(() => undefined).finally(() => living.delete(entry));
  }

  /** Waits for the container's end, by itself, by its clock or by `kill`, and clears everything away. */
  function watch(
    spec: SandboxSpec,
    session: Session,
    container: Container,
    logs: { text(): string },
    startedAt: number,
    cleanup: Cleanup,
  ): Pick<Sandbox, 'ended' | 'kill'> {
    let killedAs: 'canceled' | 'timeout' | null = null;
    const kill = async (reason: 'canceled' | 'timeout') => {
      killedAs ??= reason;
      await container.kill();
    };
    const clock = setTimeout(() => void kill('timeout').catch(() => undefined), spec.timeoutMs);
    let grace: NodeJS.Timeout | undefined;
    void session.budgetSpent.then(() => {
      grace = setTimeout(() => void container.kill().catch(() => undefined), BUDGET_GRACE_MS);
    });
    const finish = async (): Promise<SandboxEnd> => {
      const exit = await container.exited.catch(() => ({ exitCode: -1, outOfMemory: false }));
      clearTimeout(clock);
      clearTimeout(grace);
      const durationMs = Math.round(performance.now() - startedAt);
      await cleanup.run();
      held.delete(container.name);
      const said = session.doors.end();
      const placeGone = said === null && killedAs === null && !exit.outOfMemory && (await condition.isGone());
      const facts = { killedAs, budgetSpent: session.isBudgetSpent(), said, placeGone, ...exit };
      const { reason, detail } = decideEnd({ ...facts, logTail: logs.text().slice(-2_000) });
      return {
        reason,
        detail: detail.slice(0, 4_000),
        turns: said?.turns ?? session.doors.turns(),
        durationMs,
        transcriptPath: session.doors.transcriptPath,
      };
    };
    return { ended: finish(), kill };
  }

  /** A cell opens its session once it has an address. */
  function sessionOf(spec: SandboxSpec, handlers: SandboxHandlers) {
    let session: Session | null = null;
    return {
      async open(host: string, port?: number): Promise<Session> {
        const { stateDir, log } = options;
        const place = { host, ...(port === undefined ? {} : { port }), stateDir, log };
        session = await openSession(
          spec,
          handlers,
          { ...place, workspaceFolder: WORKSPACE_FOLDER },
          await settings,
        );
        return session;
      },
      opened(): Session {
        if (session === null) throw new Error('unreachable: a cell opens with its session');
        return session;
      },
    };
  }

  async function start(spec: SandboxSpec, handlers: SandboxHandlers): Promise<Sandbox> {
    const startedAt = performance.now();
    const cleanup = new Cleanup(options.log);
    const name = cellName(`${spec.run}-${spec.fence}`);
    held.add(name);
    let found: AgentImage = { tag: '', digest: '' };
    const described = () => ({ container: name, imageTag: found.tag, imageDigest: found.digest });
    try {
      checkRequested(spec);
      found = await ensureImage(options.log);
      if (spec.imageDigest && spec.imageDigest !== found.digest)
        found = { tag: '', digest: spec.imageDigest };
      const logs = boundedOutput(LOG_TAIL_BYTES);
      const session = sessionOf(spec, handlers);
      const container = await openCell(
        engine,
        networks,
        await firewall,
        {
          name,
          runner: options.runner,
          run: spec.run,
          fence: spec.fence,
          image: found.digest,
          command: ['node', '/opt/dogwatch/program/main.js'],
          env: {},
          tunnels: tunnelHosts(spec.routes).length > 0,
          runtime: options.runtime ?? null,
          limits,
        },
        session.open,
        logs.push,
        cleanup,
      );
      const { ended, kill } = watch(spec, session.opened(), container, logs, startedAt, cleanup);
      track(() => kill('canceled'), ended);
      condition.works();
      return { ...described(), ended, kill };
    } catch (thrown) {
      await cleanup.run();
      const fault = explained(thrown);
      if (fault) condition.failed(fault);
      held.delete(name);
      const error = fault ?? thrown;
      const detail = (error instanceof Error ? error.message : String(error)).slice(0, 4_000);
      options.log(`${spec.run}: ${detail}`);
      const durationMs = Math.round(performance.now() - startedAt);
      const end: SandboxEnd = { reason: 'start_failed', detail, turns: 0, durationMs, transcriptPath: null };
      return { ...described(), ended: Promise.resolve(end), kill: async () => undefined };
    }
  }

  async function takeBack(spec: SandboxSpec, handlers: SandboxHandlers): Promise<Sandbox | null> {
    const startedAt = performance.now();
    const found = await findCell(engine, { runner: options.runner, run: spec.run, fence: spec.fence });
    if (!found) return null;
    const cleanup = new Cleanup(options.log);
    held.add(found.name);
    try {
      const logs = boundedOutput(LOG_TAIL_BYTES);
      const session = sessionOf(spec, handlers);
      const container = await reopenCell(
        engine,
        networks,
        await firewall,
        found,
        session.open,
        logs.push,
        cleanup,
      );
      const { ended, kill } = watch(spec, session.opened(), container, logs, startedAt, cleanup);
      track(() => kill('canceled'), ended);
      const { tag, digest } = await ensureImage(options.log).catch(() => ({ tag: '', digest: '' }));
      const imageTag = digest === found.image ? tag : '';
      return { container: found.name, imageTag, imageDigest: found.image, ended, kill };
    } catch (error) {
      options.log(`${spec.run}: could not be taken back: ${String(error)}`);
      await cleanup.run();
      return null;
    }
  }

  async function prove(spec: CommandSpec, cleanup: Cleanup) {
    const { digest } = await ensureImage(options.log);
    const gatewaySecrets = await settings;
    const name = cellName(`proof-${spec.label}`);
    held.add(name);
    const container = await openCell(
      engine,
      networks,
      await firewall,
      {
        name,
        runner: options.runner,
        run: spec.label,
        fence: 0,
        image: digest,
        command: ['sleep', 'infinity'],
        env: { CI: 'true' },
        tunnels: false,
        runtime: options.runtime ?? null,
        limits,
      },
      (host) => openProofGateway(host, spec, gatewaySecrets, options.log),
      () => undefined,
      cleanup,
    );
    let timedOut = false;
    const clock = setTimeout(() => {
      timedOut = true;
      void container.kill().catch(() => undefined);
    }, spec.timeoutMs);
    cleanup.add(async () => clearTimeout(clock));
    await container.exec(['mkdir', '-p', WORKSPACE_FOLDER], { folder: '/workspace' });
    return runCommands(
      spec,
      (command, io) => container.exec(command, { folder: WORKSPACE_FOLDER, ...io }),
      () => timedOut,
    );
  }

  return {
    ensureImage,
    start,
    takeBack,
    runCommand(spec) {
      const cleanup = new Cleanup(options.log);
      const result = prove(spec, cleanup).finally(() => cleanup.run());
      track(() => cleanup.run(), result);
      return result;
    },
    async reapOrphans() {
      const reaped = new Set<string>();
      for (const { id, name } of await ownedContainers(engine, options.runner)) {
        if (held.has(name)) continue;
        await removeContainer(engine, id);
        reaped.add(name);
      }
      for (const { id, name } of await ownedNetworks(engine, options.runner)) {
        if (networks.holds(name)) continue;
        await removeNetwork(engine, id);
        reaped.add(name);
      }
      await (await firewall).reap(await livingBridges(engine));
      return [...reaped];
    },
    problems: () => condition.problems(),
    look: () => condition.look(),
    notes: () => condition.notes(),
    async close() {
      const all = [...living];
      await Promise.all(all.map(({ stop }) => stop().catch(() => undefined)));
      await Promise.allSettled(all.map(({ gone }) => gone));
      await networks.close();
    },
  };
}
