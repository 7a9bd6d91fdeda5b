import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type ServerType, serve } from '@hono/node-server';
import type { SandboxBackend } from './backend/sandbox.ts';
import { IntentStore } from './fix/intent-store.ts';
import { createIntentPerformer } from './fix/perform-intent.ts';
import { Remotes } from './git/remote.ts';
import { Health } from './health.ts';
import { HostCommands } from './hosts/host-commands.ts';
import { performHostCommand } from './hosts/perform-host-command.ts';
import { probeHost } from './hosts/probes.ts';
import { createRunnerApp } from './http/app.ts';
import { NonceStore } from './http/nonce-store.ts';
import { createRedactor, type Logger } from './logger.ts';
import { MessageStore } from './runs/message-store.ts';
import { RunManager } from './runs/run-manager.ts';
import { RunRecords } from './runs/run-records.ts';
import { type Settings, secretsOf } from './settings.ts';
import { ArtifactStore } from './worker/artifact-store.ts';
import { EventSpool } from './worker/event-spool.ts';
import { LeaseClock } from './worker/lease-clock.ts';
import { Reporter } from './worker/reporter.ts';
import { createWorkerClient } from './worker/worker-client.ts';

export interface RunnerService {
  /** Where it listens: `http://host:port`. */
  url: string;
  /** Nothing new, ends what runs, delivers what it can. */
  close(): Promise<void>;
}

export interface ServiceDeps {
  settings: Settings;
  backend: SandboxBackend;
  logger: Logger;
  nowMs: () => number;
  monotonicMs: () => number;
  random: () => number;
}

/** Of one proving command, its install included. */
const PROOF_TIMEOUT_MS = 10 * 60_000;
const LOOK_EVERY_MS = 30_000;
/** Together under the twenty seconds after which whoever stops us loses patience. */
const END_RUNS_WITHIN_MS = 11_000;
const FLUSH_WITHIN_MS = 5_000;

const sleep = (delayMs: number) => new Promise<void>((done) => setTimeout(done, delayMs));

function listen(fetch: (request: Request) => Response | Promise<Response>, settings: Settings) {
  return new Promise<{ server: ServerType; url: string }>((done, failed) => {
    const server = serve({ fetch, port: settings.port, hostname: settings.host }, ({ port }) =>
      done({ server, url: `http://${settings.host}:${port}` }),
    );
    server.once('error', failed);
  });
}

/** Puts the runner together and starts it. The image is made ready meanwhile: runs wait for it. */
export async function startRunner(deps: ServiceDeps): Promise<RunnerService> {
  const { settings, backend, logger, nowMs, random } = deps;
  const state = resolve(settings.stateDir);
  mkdirSync(state, { recursive: true, mode: 0o700 });
  const folder = (name: string) => {
    const path = join(state, name);
    mkdirSync(path, { recursive: true });
    return path;
  };
  const redact = createRedactor(secretsOf(settings));
  const worker = createWorkerClient({
    url: settings.workerUrl,
    authority: settings.workerAuthority,
    key: settings.signingKey,
    nowMs,
  });
  const leaseClock = new LeaseClock(deps.monotonicMs);
  const spool = new EventSpool(folder('spool'), nowMs);
  const artifacts = new ArtifactStore(folder('artifacts'), worker);
  const remotes = new Remotes({
    url: settings.azureDevOpsUrl,
    pat: settings.azureDevOpsCodePat,
    folder: folder('mirrors'),
    redact,
  });
  const intents = new IntentStore(folder('intents'), nowMs());
  const hosts = new HostCommands({ hosts: settings.hosts, folder: folder('hosts'), redact, logger, nowMs });

  let image: Promise<void> | null = null;
  /** One attempt serves all who wait; after a failure the next run tries again. */
  const imageReady = (): Promise<void> => {
    image ??= backend
      .ensureImage((line) => logger.info(line))
      .then((made) => {
        health.image = made;
        health.imageProblem = null;
        logger.info('agent image ready', { ...made });
      })
      .catch((error: unknown) => {
        image = null;
        health.imageProblem = redact(error instanceof Error ? error.message : String(error));
        logger.error('the agent image is not ready', { error });
        throw error;
      });
    return image;
  };
  const runs: RunManager = new RunManager({
    backend,
    records: new RunRecords(folder('runs'), nowMs()),
    messages: new MessageStore(folder('messages')),
    leaseClock,
    spool,
    artifacts,
    intents,
    hosts,
    remotes,
    worker,
    folder: folder('fixes'),
    capacity: settings.capacity,
    proofTimeoutMs: PROOF_TIMEOUT_MS,
    imageReady,
    workerReachable: () => reporter.reachable,
    redact,
    logger,
    nowMs,
    random,
    sleep,
  });
  const health = new Health(state, () => ({
    name: settings.name,
    capacity: settings.capacity,
    running: runs.running,
    undelivered: spool.size,
    unheard: reporter.problem,
    backend: [...backend.problems(), ...hosts.problems()],
    isolation: backend.notes?.() ?? [],
  }));
  const reporter = new Reporter({
    runner: settings.name,
    worker,
    spool,
    artifacts,
    leaseClock,
    logger,
    nowMs,
    random,
    health: () => health.brief(),
    leases: () => runs.leases(),
    onLost: (lost) => runs.lose(lost),
    onStop: (leases) => runs.stopAll(leases, 'everything was stopped by the operator'),
  });
  spool.onForgotten = (run) => {
    if (runs.state(run)?.state !== 'running') artifacts.forget(run);
  };

  const prepare = async () => {
    await runs.recovered();
    const reaped = await backend.reapOrphans().catch((error: unknown) => {
      logger.error('what an earlier process left could not be removed', { error });
      return [];
    });
    if (reaped.length > 0) logger.info('removed what an earlier process left', { reaped });
    await imageReady().catch(() => {});
  };

  const look = async () => {
    await health.look().catch(() => {});
    const isBack = (await backend.look?.()) ?? false;
    if (isBack) await backend.reapOrphans().catch(() => {});
    if (isBack || health.imageProblem !== null) await imageReady().catch(() => {});
  };

  await health.look();
  const looking = setInterval(() => void look(), LOOK_EVERY_MS);
  let authority = settings.authority ?? '';
  const app = createRunnerApp({
    runs,
    performIntent: createIntentPerformer({
      intents,
      artifacts,
      remotes,
      hostCommand: (intent) => performHostCommand(intent, { hosts, intents, artifacts, logger }),
      folder: folder('fixes'),
      logger,
      knownFence: (run) => runs.knownFence(run),
    }),
    probe: (host) => probeHost(hosts, host, nowMs()),
    health: async () => health.report(),
    keys: settings.workerKeys,
    authority: () => authority,
    nonces: new NonceStore(state, nowMs),
    nowMs,
    logger,
  });
  runs.recover();
  artifacts.retain(spool.runs());
  const { server, url } = await listen(app.fetch, settings);
  authority ||= new URL(url).host;
  const prepared = prepare();
  reporter.start();

  return {
    url,
    async close() {
      clearInterval(looking);
      server.close();
      await runs.close(END_RUNS_WITHIN_MS);
      await reporter.close(FLUSH_WITHIN_MS);
      if ('closeAllConnections' in server) server.closeAllConnections();
      await backend.close();
      await prepared;
    },
  };
}
