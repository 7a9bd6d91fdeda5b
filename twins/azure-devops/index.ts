/**
 * A stand-in for Azure DevOps Services: REST 7.1, Git over HTTP, pipelines that really run, service hooks.
 * State is in memory; repositories lie in a temporary folder that `close()` removes.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RequestLogEntry } from '../shared/request-log.ts';
import { jsonReply, startTwinServer, type TwinReply, type TwinRequest } from '../shared/twin-server.ts';
import { type Credentials, roleOf } from './auth.ts';
import { type BuildQueue, createBuildQueue } from './builds.ts';
import { AzureError, azureErrorReply, notFound } from './errors.ts';
import { GitError, git, readCommits, resolveCommit, runGit, zeroObjectId } from './git.ts';
import { serveGit } from './git-http.ts';
import { createHooks, type Delivery, type Hooks, type Subscription } from './hooks.ts';
import * as payloads from './payloads.ts';
import { parsePipeline, triggersOn } from './pipeline-yaml.ts';
import { followPush, type PullRequestEvents } from './pull-requests.ts';
import { changeRepository, makeRepository, type NewChange, type NewRepository } from './repositories.ts';
import { remoteUrl } from './resources.ts';
import { buildRoutes } from './rest-builds.ts';
import { gitRoutes } from './rest-git.ts';
import { hookRoutes } from './rest-hooks.ts';
import { pullRequestRoutes } from './rest-pull-requests.ts';
import { matchRoute, type Route } from './router.ts';
import {
  type Build,
  type Definition,
  findRepository,
  guidFrom,
  type Identity,
  identity,
  newGuid,
  type PullRequest,
  type RefUpdate,
  type Repository,
  type Role,
  type World,
} from './world.ts';

export type { Delivery, Subscription } from './hooks.ts';
export type { NewChange } from './repositories.ts';
export type { Build, PullRequest } from './world.ts';

export type HookOptions = {
  url: string;
  /** Sent as `x-webhook-secret`. */
  secret?: string;
  basic?: { username: string; password: string };
  /** Absent: builds, pull requests, their comments and pushes. */
  eventTypes?: readonly string[];
  /** Of build.complete and comments; `1.0` or `2.0` (the default). */
  resourceVersion?: string;
};

export type AzureDevopsTwinOptions = {
  organisation?: string;
  project?: string;
  /** The token for builds and pull requests. */
  pat: string;
  /** The token for code (fetch and push). Absent: the same. */
  codePat?: string;
  /** The developer's password for pushes to protected branches. */
  developerPassword?: string;
  host?: string;
  port?: number;
  hooks?: HookOptions;
  /** Multiplies the waits of the hooks' retry schedule; 0.001 makes 36 hours two minutes. */
  hookTimeScale?: number;
  concurrency?: number;
  stepTimeoutMs?: number;
  ciEnv?: Record<string, string>;
  npmCacheDir?: string;
  npmRegistryUrl?: string;
  completionDelayMs?: number;
};

export type NewTwinRepository = NewRepository & {
  pipeline?: { definitionId: number; name: string; yamlPath?: string };
  /** Whether pull requests to the default branch are built (a Build Validation policy). */
  prBuild?: boolean;
};

export type AzureDevopsTwin = {
  /** The organisation: `http://127.0.0.1:<port>/<organisation>`. */
  url: string;
  /** Where the control doors are: `${origin}/__twin/…`. */
  origin: string;
  projectId: string;
  developerPassword: string;
  createRepository(
    wanted: NewTwinRepository,
  ): Promise<{ id: string; remoteUrl: string; head: string | undefined }>;
  /** A developer's push; answers the new commit. Builds and hooks follow as after any push. */
  commit(change: NewChange): Promise<string>;
  pushPatch(change: Omit<NewChange, 'files'> & { patch: string }): Promise<string>;
  /** Queues a build by hand; `branch` without `refs/heads/`. */
  queueBuild(definitionId: number, branch: string): Promise<number>;
  subscribe(hooks: HookOptions): void;
  /** The head of a branch, or undefined. */
  head(repository: string, branch: string): Promise<string | undefined>;
  builds(): readonly Build[];
  pullRequests(): readonly PullRequest[];
  /** What a build's logs hold, as text. */
  buildLog(buildId: number): string;
  deliveries(): readonly Delivery[];
  subscriptions(): readonly Subscription[];
  requests(): readonly RequestLogEntry[];
  /** Resolves when no build is queued or running. */
  idle(): Promise<void>;
  /** Resolves when no delivery waits either. */
  hooksIdle(): Promise<void>;
  close(): Promise<void>;
};

export async function createAzureDevopsTwin(options: AzureDevopsTwinOptions): Promise<AzureDevopsTwin> {
  const rootDir = await mkdtemp(join(tmpdir(), 'dogwatch-azure-devops-'));
  const twin = new Twin(options, rootDir);
  const server = await startTwinServer({
    handle: (request, response) => twin.handle(request, response),
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
  twin.world.url = `${server.url}/${twin.world.organisation}`;
  if (options.hooks) twin.subscribe(options.hooks);
  return {
    url: twin.world.url,
    origin: server.url,
    projectId: twin.world.project.id,
    developerPassword: twin.credentials.developer,
    createRepository: (wanted) => twin.createRepository(wanted),
    commit: (change) => twin.commit(change),
    pushPatch: (change) => twin.commit(change),
    queueBuild: (definitionId, branch) => twin.queueBuild(definitionId, branch),
    subscribe: (hooks) => twin.subscribe(hooks),
    head: (name, branch) => {
      const repository = findRepository(twin.world, name);
      return repository
        ? resolveCommit(repository.gitDir, `refs/heads/${branch}`)
        : Promise.resolve(undefined);
    },
    builds: () => twin.world.builds,
    pullRequests: () => twin.world.pullRequests,
    buildLog: (buildId) =>
      twin.world.builds
        .find((one) => one.id === buildId)
        ?.records.filter((record) => record.type === 'Task')
        .flatMap((record) => twin.logLines(buildId, record.logId))
        .join('\n') ?? '',
    deliveries: () => twin.hooks.deliveries,
    subscriptions: () => twin.hooks.subscriptions,
    requests: () => server.log.entries(),
    idle: () => twin.queue.idle(),
    async hooksIdle() {
      await twin.queue.idle();
      await twin.hooks.idle();
    },
    async close() {
      await twin.close();
      await server.close();
      await rm(rootDir, { recursive: true, force: true, maxRetries: 3 });
    },
  };
}

/** Wires the parts: what a push, a build or a pull request sets off. */
class Twin {
  readonly world: World;
  readonly credentials: Credentials;
  readonly hooks: Hooks;
  readonly queue: BuildQueue;
  readonly #rootDir: string;
  readonly #routes: Route[];
  readonly #closing = new AbortController();
  readonly #pullRequestEvents: PullRequestEvents;

  constructor(options: AzureDevopsTwinOptions, rootDir: string) {
    const organisation = options.organisation ?? 'demo';
    const project = options.project ?? 'shop';
    this.#rootDir = rootDir;
    this.credentials = {
      builds: options.pat,
      code: options.codePat ?? options.pat,
      developer: options.developerPassword ?? newGuid(),
    };
    this.world = {
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
      now: () => performance.timeOrigin + performance.now(),
    };
    this.hooks = createHooks(this.world, { timeScale: options.hookTimeScale ?? 1 });
    this.queue = createBuildQueue(
      this.world,
      {
        concurrency: options.concurrency ?? 2,
        stepTimeoutMs: options.stepTimeoutMs ?? 15 * 60_000,
        ciEnv: options.ciEnv ?? {},
        ...(options.npmCacheDir === undefined ? {} : { npmCacheDir: options.npmCacheDir }),
        ...(options.npmRegistryUrl === undefined ? {} : { npmRegistryUrl: options.npmRegistryUrl }),
      },
      {
        buildCompleted: (build) => this.hooks.publish(payloads.buildCompleteEvent(this.world, build)),
        runStateChanged: (build) => this.hooks.publish(payloads.runStateEvent(this.world, build)),
        stageStateChanged: (build, stage) =>
          this.hooks.publish(payloads.stageStateEvent(this.world, build, stage)),
      },
    );
    this.#pullRequestEvents = this.#makePullRequestEvents();
    this.#routes = [
      ...buildRoutes(this.world, {
        queueManual: (definition, branch, commit, by) => this.#queueManual(definition, branch, commit, by),
        cancel: (build) => this.queue.cancel(build),
      }),
      ...gitRoutes(this.world),
      ...pullRequestRoutes(this.world, this.#pullRequestEvents, {
        completionDelayMs: options.completionDelayMs ?? 0,
        signal: this.#closing.signal,
      }),
      ...hookRoutes(this.world, this.hooks),
    ];
  }

  async handle(request: TwinRequest, response: ServerResponse): Promise<TwinReply | undefined> {
    try {
      if (request.path.startsWith('/__twin/')) return await this.#control(request);
      const segments = request.path
        .split('/')
        .filter((part) => part !== '')
        .map(decodeURIComponent);
      const role = roleOf(request.headers.authorization, this.credentials);
      if (!role) return unauthorised(segments.includes('_git'));
      request.notes.role = role;
      if (segments[0]?.toLowerCase() !== this.world.organisation.toLowerCase()) {
        return azureErrorReply(404, 'The organisation does not exist.', 'HostNotFoundException');
      }
      if (segments.includes('_git')) return await this.#serveGit(request, response, segments, role);
      return await this.#rest(request, segments.slice(1), role);
    } catch (error) {
      if (error instanceof AzureError) return azureErrorReply(error.status, error.message, error.typeKey);
      throw error;
    }
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.queue.close();
    await this.hooks.close();
    await Promise.all(this.world.repositories.map((repository) => repository.lock));
  }

  subscribe(hooks: HookOptions): void {
    const types = payloads.eventTypes;
    const defaults = Object.values(types).filter((one) => one !== types.runState && one !== types.stageState);
    for (const eventType of hooks.eventTypes ?? defaults) {
      const versioned = eventType === types.buildComplete || eventType === types.pullRequestComment;
      const version = payloads.publisherOf(eventType) === 'pipelines' ? '5.1-preview.1' : '1.0';
      this.hooks.subscribe({
        eventType,
        publisherId: payloads.publisherOf(eventType),
        resourceVersion: versioned ? (hooks.resourceVersion ?? '2.0') : version,
        publisherInputs: {},
        consumerInputs: {
          url: hooks.url,
          ...(hooks.secret === undefined ? {} : { httpHeaders: `x-webhook-secret:${hooks.secret}` }),
          ...(hooks.basic === undefined
            ? {}
            : { basicAuthUsername: hooks.basic.username, basicAuthPassword: hooks.basic.password }),
        },
      });
    }
  }

  async createRepository(wanted: NewTwinRepository): ReturnType<AzureDevopsTwin['createRepository']> {
    const repository = await makeRepository(this.world, this.#rootDir, wanted);
    if (wanted.pipeline) {
      this.world.definitions.push({
        id: wanted.pipeline.definitionId,
        name: wanted.pipeline.name,
        yamlPath: wanted.pipeline.yamlPath ?? 'azure-pipelines.yml',
        repositoryId: repository.id,
        prBuild: wanted.prBuild ?? false,
        createdAt: this.world.now(),
      });
    }
    return {
      id: repository.id,
      remoteUrl: remoteUrl(this.world, repository),
      head: await resolveCommit(repository.gitDir, repository.defaultBranch),
    };
  }

  async commit(change: NewChange): Promise<string> {
    const repository = findRepository(this.world, change.repository);
    if (!repository) throw notFound.repository(change.repository);
    const { commitId, update } = await changeRepository(repository, change);
    await this.#afterRefsChanged(repository, [update], this.world.identities.developer);
    return commitId;
  }

  async queueBuild(definitionId: number, branch: string): Promise<number> {
    const definition = this.world.definitions.find((one) => one.id === definitionId);
    const repository = this.world.repositories.find((one) => one.id === definition?.repositoryId);
    if (!definition || !repository) throw notFound.definition(String(definitionId));
    const ref = `refs/heads/${branch}`;
    const commit = await resolveCommit(repository.gitDir, ref);
    if (!commit) throw notFound.commit(ref);
    return this.#queueManual(definition, ref, commit, this.world.identities.developer).id;
  }

  logLines(buildId: number, logId: number | undefined): string[] {
    const build = this.world.builds.find((one) => one.id === buildId);
    return build?.logs.find((log) => log.id === logId)?.lines ?? [];
  }

  #queueManual(definition: Definition, sourceBranch: string, sourceVersion: string, by: Identity): Build {
    const repository = this.world.repositories.find((one) => one.id === definition.repositoryId);
    if (!repository) throw notFound.definition(String(definition.id));
    return this.queue.queue({
      definition,
      repository,
      sourceBranch,
      sourceVersion,
      reason: 'manual',
      requestedFor: by,
    });
  }

  #makePullRequestEvents(): PullRequestEvents {
    const { world } = this;
    const types = payloads.eventTypes;
    const publish = (type: string, pullRequest: PullRequest, by: Identity, what: string): void =>
      this.hooks.publish(payloads.pullRequestEvent(world, type, pullRequest, by, what));
    return {
      created: (pullRequest) =>
        publish(types.pullRequestCreated, pullRequest, pullRequest.createdBy, 'created'),
      updated: (pullRequest, by, what) => publish(types.pullRequestUpdated, pullRequest, by, what),
      mergeAttempted: (pullRequest) =>
        publish(types.pullRequestMerged, pullRequest, world.identities.system, 'attempted to merge'),
      commented: (pullRequest, thread) =>
        this.hooks.publish(payloads.pullRequestCommentEvent(world, pullRequest, thread)),
      refsChanged: (repository, updates, by) => this.#afterRefsChanged(repository, updates, by),
      queueBuild: (pullRequest, definition) => {
        this.queue.queue({
          definition,
          repository: pullRequest.repository,
          sourceBranch: `refs/pull/${pullRequest.id}/merge`,
          sourceVersion: pullRequest.mergeCommit ?? pullRequest.sourceCommit,
          reason: 'pullRequest',
          requestedFor: pullRequest.createdBy,
          pullRequestId: pullRequest.id,
          triggerInfo: {
            'pr.sourceBranch': pullRequest.sourceRefName.replace(/^refs\/heads\//, ''),
            'pr.sourceSha': pullRequest.sourceCommit,
            'pr.id': guidFrom(`${pullRequest.mergeId}/${pullRequest.id}`),
            'pr.title': pullRequest.title,
            'pr.number': String(pullRequest.id),
            'pr.isFork': 'False',
            'pr.draft': pullRequest.isDraft ? 'True' : 'False',
            'pr.triggerRepository': pullRequest.repository.id,
            'pr.triggerRepository.Type': 'TfsGit',
          },
        });
      },
    };
  }

  async #afterRefsChanged(repository: Repository, updates: RefUpdate[], by: Identity): Promise<void> {
    const branches = updates.filter((update) => update.name.startsWith('refs/heads/'));
    if (branches.length === 0) return;
    const push = {
      pushId: repository.pushes.length + 1,
      at: this.world.now(),
      pushedBy: by,
      refUpdates: branches,
    };
    repository.pushes.push(push);
    for (const update of branches) {
      const commits = await pushedCommits(repository, update);
      this.hooks.publish(
        payloads.pushEvent(this.world, repository, { ...push, refUpdates: [update] }, commits),
      );
      await this.#queueContinuous(repository, update, by);
    }
    await followPush(this.world, repository, branches, by, this.#pullRequestEvents);
  }

  async #queueContinuous(repository: Repository, update: RefUpdate, by: Identity): Promise<void> {
    if (update.newObjectId === zeroObjectId) return;
    const message = await git([
      '--git-dir',
      repository.gitDir,
      'log',
      '-1',
      '--format=%B',
      update.newObjectId,
    ]);
    if (/\[(skip ci|ci skip|skip azurepipelines)\]|\*\*\*NO_CI\*\*\*/i.test(message)) return;
    for (const definition of this.world.definitions) {
      if (definition.repositoryId !== repository.id) continue;
      const spec = `${update.newObjectId}:${definition.yamlPath.replace(/^\//, '')}`;
      const file = await runGit(['--git-dir', repository.gitDir, 'show', spec]);
      const parsed = file.exitCode === 0 ? parsePipeline(file.stdout) : undefined;
      if (!parsed?.ok || !triggersOn(parsed.pipeline.trigger, update.name)) continue;
      this.queue.queue({
        definition,
        repository,
        sourceBranch: update.name,
        sourceVersion: update.newObjectId,
        reason: 'individualCI',
        requestedFor: by,
        triggerInfo: {
          'ci.sourceBranch': update.name,
          'ci.sourceSha': update.newObjectId,
          'ci.message': message.trim().split('\n')[0] ?? '',
          'ci.triggerRepository': repository.id,
        },
      });
    }
  }

  async #serveGit(
    request: TwinRequest,
    response: ServerResponse,
    segments: string[],
    role: Role,
  ): Promise<TwinReply | undefined> {
    const at = segments.indexOf('_git');
    const repository = findRepository(this.world, segments[at + 1] ?? '');
    const pathInfo = `/${segments.slice(at + 2).join('/')}`;
    const known = ['/info/refs', '/git-upload-pack', '/git-receive-pack'].includes(pathInfo);
    const project = segments.slice(1, at).join('/');
    if (!repository || !known || (project !== '' && !this.#isProject(project))) {
      throw notFound.repository(segments[at + 1] ?? '');
    }
    await serveGit(request, response, repository, pathInfo, role, {
      onPush: (pushed, updates, by) => this.#afterRefsChanged(pushed, updates, this.world.identities[by]),
    });
    return undefined;
  }

  async #rest(request: TwinRequest, segments: string[], role: Role): Promise<TwinReply> {
    const at = segments.findIndex((part) => part.toLowerCase() === '_apis');
    const project = segments.slice(0, at).join('/');
    if (at === -1) return azureErrorReply(404, 'The page was not found.', 'PageNotFoundException');
    if (project !== '' && !this.#isProject(project)) throw notFound.project(project);
    const found = matchRoute(this.#routes, request.method, segments.slice(at + 1));
    if (found === 'methodNotAllowed') {
      return azureErrorReply(405, `The requested resource does not support http method '${request.method}'.`);
    }
    if (!found) return azureErrorReply(404, 'The controller for this path was not found.');
    if (request.method !== 'GET' && !hasApiVersion(request)) {
      return azureErrorReply(
        400,
        `No api-version was supplied for the "${request.method}" request. The version must be supplied either as part of the Accept header (e.g. "application/json; api-version=1.0") or as a query parameter (e.g. "?api-version=1.0").`,
        'VssVersionNotSpecifiedException',
      );
    }
    return found.handle({
      request,
      query: request.url.searchParams,
      params: found.params,
      role,
      by: this.world.identities[role],
    });
  }

  #isProject(text: string): boolean {
    return [this.world.project.id, this.world.project.name.toLowerCase()].includes(text.toLowerCase());
  }

  async #control(request: TwinRequest): Promise<TwinReply> {
    const door = `${request.method} ${request.path}`;
    if (door === 'GET /__twin/deliveries') return jsonReply(200, this.hooks.deliveries);
    if (door === 'POST /__twin/commits') {
      try {
        const commitId = await this.commit((await request.json()) as NewChange);
        return jsonReply(201, { commitId });
      } catch (error) {
        if (error instanceof GitError) return jsonReply(422, { error: error.message });
        throw error;
      }
    }
    if (door === 'POST /__twin/redeliver') {
      const body = (await request.json()) as { notificationId: number; subscriptionId?: string };
      const status = await this.hooks.redeliver(body.notificationId, body.subscriptionId);
      return status === undefined
        ? jsonReply(404, { error: 'no such notification' })
        : jsonReply(200, { status });
    }
    if (door === 'POST /__twin/subscribe') {
      this.subscribe((await request.json()) as HookOptions);
      return jsonReply(201, this.hooks.subscriptions);
    }
    return jsonReply(404, { error: 'no such door' });
  }
}

async function pushedCommits(
  repository: Repository,
  update: RefUpdate,
): Promise<Awaited<ReturnType<typeof readCommits>>> {
  if (update.newObjectId === zeroObjectId) return [];
  const range =
    update.oldObjectId === zeroObjectId
      ? [update.newObjectId, '--not', repository.defaultBranch]
      : [`${update.oldObjectId}..${update.newObjectId}`];
  return readCommits(repository.gitDir, ['--max-count=50', ...range]);
}

function hasApiVersion(request: TwinRequest): boolean {
  return (
    request.url.searchParams.has('api-version') || /api-version=/i.test(String(request.headers.accept ?? ''))
  );
}

function unauthorised(isGit: boolean): TwinReply {
  const reply = azureErrorReply(
    401,
    "TF400813: The user '' is not authorized to access this resource.",
    'UnauthorizedRequestException',
    { 'www-authenticate': 'Basic realm="Azure DevOps twin"' },
  );
  return isGit ? { status: 401, headers: reply.headers ?? {}, body: 'Authentication is needed.' } : reply;
}
