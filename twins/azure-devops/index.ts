/**
 * A stand-in for Azure DevOps Services: REST 7.1, Git over HTTP, pipelines that really run, service hooks.
 * State is in memory; repositories lie in a temporary folder that `close()` removes.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startTwinServer } from '../shared/twin-server.ts';
import { buildCompleteEvent, runStateEvent, stageStateEvent } from './build-events.ts';
import { type BuildQueue, createBuildQueue } from './builds.ts';
import { answerControl } from './control.ts';
import { azureErrorReply, notFound } from './errors.ts';
import { answerRequest, type Front } from './front.ts';
import { resolveCommit } from './git.ts';
import { eventTypes, publisherOf } from './hook-event.ts';
import { createHooks, type Hooks } from './hooks.ts';
import type {
  AzureDevopsTwin,
  AzureDevopsTwinOptions,
  HookOptions,
  MadeRepository,
  NewTwinRepository,
} from './options.ts';
import { changeRepository, makeRepository, type NewChange } from './repositories.ts';
import { remoteUrl } from './resources.ts';
import { buildRoutes } from './rest-builds.ts';
import { gitRoutes } from './rest-git.ts';
import { hookRoutes } from './rest-hooks.ts';
import { pullRequestRoutes } from './rest-pull-requests.ts';
import { createTriggers, type Triggers } from './triggers.ts';
import {
  type Build,
  type Definition,
  findRepository,
  guidFrom,
  type Identity,
  identity,
  newGuid,
  type World,
  withRepositoryLock,
} from './world.ts';

export type { Delivery, Subscription } from './hooks.ts';
export type * from './options.ts';
export type { NewChange } from './repositories.ts';
export type { Build, PullRequest } from './world.ts';

const defaultStepTimeoutMs = 15 * 60_000;

export async function createAzureDevopsTwin(options: AzureDevopsTwinOptions): Promise<AzureDevopsTwin> {
  const rootDir = await mkdtemp(join(tmpdir(), 'dogwatch-azure-devops-'));
  const closing = new AbortController();
  const ciEnv = { ...options.ciEnv };
  const world = newWorld(options);
  const hooks = createHooks(world, { timeScale: options.hookTimeScale ?? 1 });
  const queue = newQueue(world, hooks, options, ciEnv);
  const triggers = createTriggers(world, queue, hooks);
  const front: Front = {
    world,
    credentials: {
      builds: options.pat,
      code: options.codePat ?? options.pat,
      developer: options.developerPassword ?? newGuid(),
    },
    routes: [
      ...buildRoutes(world, {
        queueManual: (definition, branch, commit, by) =>
          queueManual(world, queue, definition, branch, commit, by),
        cancel: (build) => queue.cancel(build),
      }),
      ...gitRoutes(world),
      ...pullRequestRoutes(world, triggers.pullRequestEvents, {
        completionDelayMs: options.completionDelayMs ?? 0,
        signal: closing.signal,
      }),
      ...hookRoutes(world, hooks),
    ],
    onPush: (repository, updates, role) =>
      triggers.afterRefsChanged(repository, updates, world.identities[role]),
  };
  const doors = {
    hooks,
    commit: (change: NewChange) => commit(world, triggers, change),
    queueBuild: (definitionId: number, branch: string) =>
      queueBranch(world, queue, definitionId, `refs/heads/${branch}`),
    subscribe: (wanted: HookOptions) => subscribe(hooks, wanted),
    setCiEnv(next: Record<string, string>) {
      for (const name of Object.keys(ciEnv)) delete ciEnv[name];
      Object.assign(ciEnv, next);
    },
  };
  const server = await startTwinServer({
    handle: (request, response) =>
      request.path.startsWith('/__twin/')
        ? answerControl(doors, request)
        : answerRequest(front, request, response),
    errorReply: (status, message, retryAfterSeconds) =>
      azureErrorReply(
        status,
        message,
        'VssServiceException',
        retryAfterSeconds === undefined ? {} : { 'retry-after': String(retryAfterSeconds) },
      ),
    ...(options.port === undefined ? {} : { port: options.port }),
    ...(options.host === undefined ? {} : { host: options.host }),
  });
  world.url = `${server.url}/${world.organisation}`;
  if (options.hooks) subscribe(hooks, options.hooks);
  return {
    ...doors,
    url: world.url,
    origin: server.url,
    projectId: world.project.id,
    developerPassword: front.credentials.developer,
    createRepository: (wanted) => createRepository(world, rootDir, wanted),
    pushPatch: doors.commit,
    head: async (name, branch) => {
      const repository = findRepository(world, name);
      return repository && resolveCommit(repository.gitDir, `refs/heads/${branch}`);
    },
    builds: () => world.builds,
    pullRequests: () => world.pullRequests,
    buildLog: (buildId) => taskLogs(world.builds.find((one) => one.id === buildId)),
    deliveries: () => hooks.deliveries,
    subscriptions: () => hooks.subscriptions,
    requests: () => server.log.entries(),
    idle: () => queue.idle(),
    async hooksIdle() {
      await queue.idle();
      await hooks.idle();
    },
    async close() {
      closing.abort();
      await queue.close();
      await hooks.close();
      await Promise.all(world.repositories.map((repository) => repository.lock));
      await server.close();
      await rm(rootDir, { recursive: true, force: true, maxRetries: 3 });
    },
  };
}

function newWorld(options: AzureDevopsTwinOptions): World {
  const organisation = options.organisation ?? 'demo';
  const project = options.project ?? 'shop';
  return {
    organisation,
    project: { id: guidFrom(`project/${organisation}/${project}`), name: project, createdAt: Date.now() },
    url: '',
    repositories: [],
    definitions: [],
    builds: [],
    pullRequests: [],
    identities: {
      builds: identity('Dogwatch Builds (Service)', 'dogwatch-builds@example.com'),
      code: identity('Dogwatch Code (Service)', 'dogwatch-code@example.com'),
      developer: identity('Dana Developer', 'dana@example.com'),
      system: identity('Microsoft.VisualStudio.Services.TFS', 'service@example.com'),
    },
    // Fractions of a millisecond give the seven digits that the service's times have.
    now: () => performance.timeOrigin + performance.now(),
  };
}

function newQueue(
  world: World,
  hooks: Hooks,
  options: AzureDevopsTwinOptions,
  ciEnv: Record<string, string>,
): BuildQueue {
  return createBuildQueue(
    world,
    {
      concurrency: options.concurrency ?? 2,
      stepTimeoutMs: options.stepTimeoutMs ?? defaultStepTimeoutMs,
      ciEnv,
      ...(options.npmCacheDir === undefined ? {} : { npmCacheDir: options.npmCacheDir }),
      ...(options.npmRegistryUrl === undefined ? {} : { npmRegistryUrl: options.npmRegistryUrl }),
    },
    {
      buildCompleted: (build) => hooks.publish(buildCompleteEvent(world, build)),
      runStateChanged: (build) => hooks.publish(runStateEvent(world, build)),
      stageStateChanged: (build, stage) => hooks.publish(stageStateEvent(world, build, stage)),
    },
  );
}

function subscribe(hooks: Hooks, wanted: HookOptions): void {
  const defaults = Object.values(eventTypes).filter((type) => publisherOf(type) !== 'pipelines');
  for (const eventType of wanted.eventTypes ?? defaults) {
    const isVersioned = eventType === eventTypes.buildComplete || eventType === eventTypes.pullRequestComment;
    const only = publisherOf(eventType) === 'pipelines' ? '5.1-preview.1' : '1.0';
    hooks.subscribe({
      eventType,
      publisherId: publisherOf(eventType),
      resourceVersion: isVersioned ? (wanted.resourceVersion ?? '2.0') : only,
      publisherInputs: {},
      consumerInputs: {
        url: wanted.url,
        ...(wanted.secret === undefined ? {} : { httpHeaders: `x-webhook-secret:${wanted.secret}` }),
        ...(wanted.basic === undefined
          ? {}
          : { basicAuthUsername: wanted.basic.username, basicAuthPassword: wanted.basic.password }),
      },
    });
  }
}

async function createRepository(
  world: World,
  rootDir: string,
  wanted: NewTwinRepository,
): Promise<MadeRepository> {
  const repository = await makeRepository(world, rootDir, wanted);
  if (wanted.pipeline) {
    world.definitions.push({
      id: wanted.pipeline.definitionId,
      name: wanted.pipeline.name,
      yamlPath: wanted.pipeline.yamlPath ?? 'azure-pipelines.yml',
      repositoryId: repository.id,
      prBuild: wanted.prBuild ?? false,
      createdAt: world.now(),
    });
  }
  return {
    id: repository.id,
    remoteUrl: remoteUrl(world, repository),
    head: await resolveCommit(repository.gitDir, repository.defaultBranch),
  };
}

async function commit(world: World, triggers: Triggers, change: NewChange): Promise<string> {
  const repository = findRepository(world, change.repository);
  if (!repository) throw notFound.repository(change.repository);
  return withRepositoryLock(repository, async () => {
    const { commitId, update } = await changeRepository(repository, change);
    await triggers.afterRefsChanged(repository, [update], world.identities.developer);
    return commitId;
  });
}

async function queueBranch(
  world: World,
  queue: BuildQueue,
  definitionId: number,
  ref: string,
): Promise<number> {
  const definition = world.definitions.find((one) => one.id === definitionId);
  const repository = world.repositories.find((one) => one.id === definition?.repositoryId);
  if (!definition || !repository) throw notFound.definition(String(definitionId));
  const head = await resolveCommit(repository.gitDir, ref);
  if (!head) throw notFound.commit(ref);
  return queueManual(world, queue, definition, ref, head, world.identities.developer).id;
}

function queueManual(
  world: World,
  queue: BuildQueue,
  definition: Definition,
  sourceBranch: string,
  sourceVersion: string,
  requestedFor: Identity,
): Build {
  const repository = world.repositories.find((one) => one.id === definition.repositoryId);
  if (!repository) throw notFound.definition(String(definition.id));
  return queue.queue({ definition, repository, sourceBranch, sourceVersion, reason: 'manual', requestedFor });
}

function taskLogs(build: Build | undefined): string {
  const ids = build?.records.filter((record) => record.type === 'Task').map((record) => record.logId) ?? [];
  return ids.flatMap((id) => build?.logs.find((log) => log.id === id)?.lines ?? []).join('\n');
}
