/** Queues builds, runs them (a few at a time) and tells the hooks what became of them. */
import { type RunBuildOptions, runBuild } from './run-build.ts';
import type { TimelineRecord } from './timeline.ts';
import {
  type Build,
  type BuildReason,
  type Definition,
  type Identity,
  newGuid,
  type Repository,
  type World,
} from './world.ts';

export type BuildEvents = {
  buildCompleted(build: Build): void;
  runStateChanged(build: Build): void;
  stageStateChanged(build: Build, stage: TimelineRecord): void;
};

export type BuildRequest = {
  definition: Definition;
  repository: Repository;
  sourceBranch: string;
  sourceVersion: string;
  reason: BuildReason;
  requestedFor: Identity;
  triggerInfo?: Record<string, string>;
  pullRequestId?: number;
};

export type BuildQueue = {
  queue(request: BuildRequest): Build;
  cancel(build: Build): void;
  /** Resolves when nothing is queued or running. */
  idle(): Promise<void>;
  /** Cancels what runs, and waits for it. */
  close(): Promise<void>;
};

export type BuildQueueOptions = Omit<RunBuildOptions, 'signal' | 'onStage'> & { concurrency: number };

export function createBuildQueue(world: World, options: BuildQueueOptions, events: BuildEvents): BuildQueue {
  const waiting: Build[] = [];
  const running = new Map<Build, { abort: AbortController; done: Promise<void> }>();
  let closed = false;

  const next = (): void => {
    while (!closed && running.size < options.concurrency && waiting.length > 0) {
      const build = waiting.shift();
      if (build) start(build);
    }
  };

  const start = (build: Build): void => {
    const abort = new AbortController();
    const done = perform(world, build, { ...options, signal: abort.signal }, events).finally(() => {
      running.delete(build);
      next();
    });
    running.set(build, { abort, done });
  };

  return {
    queue(request) {
      const build = newBuild(world, request);
      world.builds.push(build);
      waiting.push(build);
      next();
      return build;
    },
    cancel(build) {
      running.get(build)?.abort.abort();
      const index = waiting.indexOf(build);
      if (index === -1) return;
      waiting.splice(index, 1);
      complete(world, build, 'canceled', events);
    },
    async idle() {
      while (running.size > 0) await Promise.all([...running.values()].map((one) => one.done));
    },
    async close() {
      closed = true;
      waiting.length = 0;
      for (const one of running.values()) one.abort.abort();
      await Promise.all([...running.values()].map((one) => one.done));
    },
  };
}

async function perform(
  world: World,
  build: Build,
  options: RunBuildOptions,
  events: BuildEvents,
): Promise<void> {
  build.status = 'inProgress';
  build.startedAt = world.now();
  events.runStateChanged(build);
  const result = await runBuild(world, build, {
    ...options,
    onStage: (stage) => events.stageStateChanged(build, stage),
  }).catch((error: unknown) => {
    console.error(`build ${build.id} of the Azure DevOps twin broke`, error);
    return 'failed' as const;
  });
  complete(world, build, options.signal.aborted ? 'canceled' : result, events);
}

function complete(
  world: World,
  build: Build,
  result: NonNullable<Build['result']>,
  events: BuildEvents,
): void {
  build.status = 'completed';
  build.result = result;
  build.startedAt ??= world.now();
  build.finishedAt = world.now();
  events.runStateChanged(build);
  events.buildCompleted(build);
}

function newBuild(world: World, request: BuildRequest): Build {
  const queuedAt = world.now();
  const day = new Date(queuedAt).toISOString().slice(0, 10).replaceAll('-', '');
  const today = world.builds.filter((one) => one.buildNumber.startsWith(`${day}.`)).length;
  return {
    id: (world.builds.at(-1)?.id ?? 100) + 1,
    buildNumber: `${day}.${today + 1}`,
    definition: request.definition,
    repository: request.repository,
    sourceBranch: request.sourceBranch,
    sourceVersion: request.sourceVersion,
    reason: request.reason,
    status: 'notStarted',
    queuedAt,
    requestedFor: request.requestedFor,
    triggerInfo: request.triggerInfo ?? {},
    ...(request.pullRequestId === undefined ? {} : { pullRequestId: request.pullRequestId }),
    planId: newGuid(),
    timelineId: newGuid(),
    records: [],
    logs: [],
  };
}
