import type { Answer, Asked, Service } from './network.ts';
import type { Random } from './random.ts';
import type { World } from './world.ts';

export interface Commit {
  id: string;
  /** Steps of the pipeline that fail at it. */
  defects: string[];
  parent: string | null;
}

export interface Build {
  id: number;
  repository: number;
  ref: string;
  commit: string;
  /** The source commit, for a pull request's build. */
  source: string | null;
  status: 'notStarted' | 'inProgress' | 'completed';
  result: string | null;
  finishedAt: number | null;
  step: string | null;
}

export interface PullRequest {
  id: number;
  repository: number;
  source: string;
  target: string;
  status: 'active' | 'completed' | 'abandoned';
  mergeStatus: string;
  sourceCommit: string;
  mergeCommit: string | null;
  closedAt: number | null;
  by: 'dogwatch' | 'person';
  completedBy: 'dogwatch' | 'person' | null;
  comments: string[];
  /** How often it was told to complete or to be abandoned, as the outside saw it happen. */
  endings: number;
}

export interface Push {
  repository: number;
  ref: string;
  commit: string;
  by: 'dogwatch' | 'person';
}

export const STEPS: [string, ...string[]] = ['Test', 'Lint', 'Build'];
const PROJECT = { id: '11111111-1111-4111-8111-111111111111', name: 'shop' };
export const repositoryName = (n: number): string => `service-${n}`;
const repositoryId = (n: number): string => `0000000${n}-2222-4222-8222-222222222222`;
const SUBSCRIPTIONS: Answer = {
  status: 200,
  body: {
    value: [
      {
        id: 'subscription-1',
        eventType: 'build.complete',
        status: 'enabled',
        consumerId: 'webHooks',
        consumerInputs: { url: 'https://dogwatch.test/hooks/azure-devops' },
      },
    ],
  },
};
const failed = (status: number, typeKey: string): Answer => ({
  status,
  body: { message: `${typeKey}: refused`, typeKey },
});

/** Azure DevOps as the product sees it: branches, builds, pull requests and hooks that tell of them. */
export class AzureDevOps implements Service {
  readonly #world: World;
  readonly #random: Random;
  readonly commits = new Map<string, Commit>();
  /** By repository and ref. */
  readonly branches = new Map<string, string>();
  readonly builds: Build[] = [];
  readonly pullRequests: PullRequest[] = [];
  readonly pushes: Push[] = [];
  /** Builds of pull requests run by themselves. */
  readonly hasBuildPolicy: boolean;
  /** A comment may then be there twice: where nothing is keyed, looking first cannot help. */
  actedTwice = false;
  #lastId = 0;

  constructor(world: World, repositories: number) {
    this.#world = world;
    this.#random = world.random('azure');
    this.hasBuildPolicy = this.#random.chance(0.7);
    for (let n = 1; n <= repositories; n++) {
      const first = this.commit([], null);
      this.branches.set(key(n, 'refs/heads/main'), first.id);
      this.#record(n, 'refs/heads/main', first.id, 'succeeded', world.clock.now - 3_600_000);
    }
  }

  commit(defects: string[], parent: string | null): Commit {
    const commit = { id: this.#random.hex(40), defects: [...new Set(defects)].sort(), parent };
    this.commits.set(commit.id, commit);
    return commit;
  }

  head(repository: number, ref: string): string | null {
    return this.branches.get(key(repository, ref)) ?? null;
  }

  defectsOf(commit: string | null): string[] {
    return this.commits.get(commit ?? '')?.defects ?? [];
  }

  push(push: Push): void {
    this.branches.set(key(push.repository, push.ref), push.commit);
    this.pushes.push(push);
    this.#world.trace(`azure: ${push.by} pushes ${push.commit.slice(0, 8)} to ${push.ref}`);
    this.#queue(push.repository, push.ref, push.commit, null);
    for (const request of this.pullRequests) {
      const isOf = request.repository === push.repository && request.source === push.ref;
      if (!isOf || request.status !== 'active') continue;
      request.sourceCommit = push.commit;
      this.#tellPullRequest(request, 'git.pullrequest.updated');
      this.#buildPullRequest(request);
    }
  }

  // -- what it does by itself

  #queue(repository: number, ref: string, commit: string, source: string | null): void {
    const build: Build = {
      id: ++this.#lastId,
      repository,
      ref,
      commit,
      source,
      status: 'notStarted',
      result: null,
      finishedAt: null,
      step: null,
    };
    this.builds.push(build);
    const { clock } = this.#world;
    clock.after(this.#random.between(2_000, 60_000), () => {
      build.status = 'inProgress';
      clock.after(this.#random.between(20_000, 480_000), () => this.#finish(build));
    });
  }

  #finish(build: Build): void {
    const trouble = this.#world.faults().people;
    const defects = this.defectsOf(build.commit);
    const flaky = this.#random.chance(trouble * 0.1);
    build.status = 'completed';
    build.finishedAt = this.#world.clock.now;
    if (this.#random.chance(trouble * 0.1)) build.result = 'canceled';
    else if (defects.length > 0 || flaky) {
      build.result = this.#random.chance(0.1) ? 'partiallySucceeded' : 'failed';
      build.step = defects[0] ?? 'Smoke';
    } else build.result = 'succeeded';
    this.#world.trace(`azure: build ${build.id} of ${build.ref} ${build.result}`);
    this.#tellBuild(build);
  }

  #record(repository: number, ref: string, commit: string, result: string, finishedAt: number): void {
    this.builds.push({
      id: ++this.#lastId,
      repository,
      ref,
      commit,
      source: null,
      status: 'completed',
      result,
      finishedAt,
      step: null,
    });
  }

  #buildPullRequest(request: PullRequest): void {
    if (!this.hasBuildPolicy) return;
    const merge = this.commit(this.#merged(request), request.sourceCommit);
    this.#queue(request.repository, `refs/pull/${request.id}/merge`, merge.id, request.sourceCommit);
  }

  #merged({ repository, target, sourceCommit }: PullRequest): string[] {
    const source = this.commits.get(sourceCommit);
    const base = this.defectsOf(source?.parent ?? null);
    const fixed = base.filter((defect) => !source?.defects.includes(defect));
    const added = source?.defects.filter((defect) => !base.includes(defect)) ?? [];
    const kept = this.defectsOf(this.head(repository, target)).filter((defect) => !fixed.includes(defect));
    return [...kept, ...added];
  }

  openPullRequest(wanted: Pick<PullRequest, 'repository' | 'source' | 'target' | 'by'>): PullRequest {
    const request: PullRequest = {
      ...wanted,
      id: ++this.#lastId,
      status: 'active',
      mergeStatus: 'succeeded',
      sourceCommit: this.head(wanted.repository, wanted.source) ?? '',
      mergeCommit: null,
      closedAt: null,
      completedBy: null,
      comments: [],
      endings: 0,
    };
    this.pullRequests.push(request);
    this.#world.trace(`azure: pull request ${request.id} of ${request.source} opened`);
    this.#tellPullRequest(request, 'git.pullrequest.created');
    this.#buildPullRequest(request);
    return request;
  }

  complete(request: PullRequest, by: 'dogwatch' | 'person'): void {
    if (request.mergeStatus === 'queued') return;
    request.mergeStatus = 'queued';
    this.#world.clock.after(this.#random.between(300, 4_000), () => {
      if (request.status !== 'active') return;
      request.mergeStatus = 'succeeded';
      const merge = this.commit(this.#merged(request), this.head(request.repository, request.target));
      Object.assign(request, {
        status: 'completed',
        mergeCommit: merge.id,
        closedAt: this.#world.clock.now,
        completedBy: by,
      });
      request.endings += 1;
      this.#world.trace(`azure: pull request ${request.id} completed by ${by}`);
      this.branches.delete(key(request.repository, request.source));
      this.push({ repository: request.repository, ref: request.target, commit: merge.id, by: 'person' });
      this.#tellPullRequest(request, 'git.pullrequest.merged');
    });
  }

  abandon(request: PullRequest): void {
    request.status = 'abandoned';
    request.closedAt = this.#world.clock.now;
    request.endings += 1;
    this.#world.trace(`azure: pull request ${request.id} abandoned`);
    this.#tellPullRequest(request, 'git.pullrequest.updated');
  }

  // -- hooks

  #tellBuild(build: Build): void {
    const project = { resourceContainers: { project: { id: PROJECT.id } } };
    this.#hook('build.complete', { id: build.id, project: PROJECT }, project);
    if (this.#random.chance(0.3))
      this.#hook('ms.vss-pipelines.run-state-changed-event', { run: { id: build.id } }, project);
    if (this.#random.chance(0.2))
      this.#hook('ms.vss-pipelines.stage-state-changed-event', { run: { id: build.id } }, project);
  }

  /** More at once than can be delivered at once: each is an event of its own, and all tell of a few builds. */
  flood(hooks: number): void {
    for (let n = 0; n < hooks; n++) {
      const build = this.builds[n % Math.min(3, this.builds.length)];
      if (build) this.#hook('build.complete', { id: build.id, project: PROJECT }, {}, 300);
    }
  }

  #tellPullRequest(request: PullRequest, type: string): void {
    const repository = { id: repositoryId(request.repository), project: PROJECT };
    this.#hook(type, { pullRequestId: request.id, repository }, {});
  }

  #hook(eventType: string, resource: unknown, more: object, withinMs = 4_000): void {
    const id = `${this.#random.hex(8)}-0000-4000-8000-${this.#random.hex(12)}`;
    const body = JSON.stringify({ id, eventType, resource, ...more });
    const { clock } = this.#world;
    const trouble = this.#world.faults().hooks;
    if (this.#random.chance(trouble)) {
      this.#world.trace(`azure: a hook ${eventType} is lost`);
      return;
    }
    const times = this.#random.chance(trouble) ? this.#random.between(2, 3) : 1;
    for (let n = 0; n < times; n++) {
      const isLate = this.#random.chance(trouble);
      const delay = isLate ? this.#random.exponential(1_800_000) : this.#random.between(50, withinMs);
      clock.after(delay, () => this.#deliver(body, 0));
    }
  }

  /** Eight retries over 183 s; after that seven over a day and a half. */
  #deliver(body: string, tries: number): void {
    const again = (): void => {
      if (tries >= 15) return this.#world.violate('a hook was refused for a day and a half');
      const pause = tries < 8 ? 23_000 : 5 * 3_600_000;
      this.#world.clock.after(pause, () => this.#deliver(body, tries + 1));
    };
    this.#world
      .ask('POST', '/hooks/azure-devops', body, { 'x-webhook-secret': 'hook-secret' })
      .then((status) => {
        if (status === null || status === 503) return again();
        if (status < 200 || status > 299) this.#world.violate(`a hook was answered ${status}`);
      });
  }

  // -- its API

  trouble = (): number => this.#world.faults().azure;
  twice = (): void => {
    this.actedTwice = true;
  };
  latencyMs = (): number => this.#random.between(20, 400);

  failure(): Answer {
    const status = this.#random.pick([500, 503, 429]);
    const headers = this.#random.chance(0.5) ? { 'retry-after': String(this.#random.between(1, 60)) } : {};
    return { status, body: { message: 'try later' }, headers };
  }

  perform(asked: Asked): Answer {
    if (asked.path.endsWith('/_apis/hooks/subscriptions')) return SUBSCRIPTIONS;
    const [, , project, ...rest] = asked.path.split('/');
    if (project !== PROJECT.name) return { status: 200, body: PROJECT };
    const path = rest.join('/');
    if (path === '_apis/build/builds') return this.#listBuilds(asked.url.searchParams);
    if (path === '_apis/build/changes') return { status: 200, body: { value: [] } };
    const build = /^_apis\/build\/builds\/(\d+)(?:\/(.*))?$/.exec(path);
    if (build) return this.#aboutBuild(Number(build[1]), build[2] ?? '');
    const loose = /^_apis\/git\/pullrequests\/(\d+)$/.exec(path);
    if (loose) return this.#onePullRequest(Number(loose[1]));
    const git = /^_apis\/git\/repositories\/([^/]+)(?:\/pullrequests(?:\/(\d+)(\/threads)?)?)?$/.exec(path);
    if (git === null) return failed(404, 'NotFound');
    const repository = repositoryOf(git[1] ?? '');
    if (!path.includes('/pullrequests'))
      return {
        status: 200,
        body: {
          id: repositoryId(repository),
          name: repositoryName(repository),
          defaultBranch: 'refs/heads/main',
        },
      };
    if (git[2] === undefined)
      return asked.method === 'POST'
        ? this.#create(repository, asked.body as { sourceRefName: string; targetRefName: string })
        : this.#search(repository, asked.url.searchParams);
    const request = this.pullRequests.find(({ id }) => id === Number(git[2]));
    if (!request) return failed(404, 'NotFound');
    if (git[3]) return this.#threads(request, asked);
    return asked.method === 'PATCH'
      ? this.#patch(request, asked.body as { status: string; lastMergeSourceCommit?: { commitId: string } })
      : this.#onePullRequest(request.id);
  }

  #listBuilds(query: URLSearchParams): Answer {
    const results = query.get('resultFilter')?.split(',') ?? null;
    const isByFinish = query.get('queryOrder') === 'finishTimeAscending';
    const minTime = Date.parse(query.get('minTime') ?? '') || 0;
    const value = this.builds
      .filter((build) => {
        if (query.has('definitions') && build.repository !== Number(query.get('definitions'))) return false;
        if (query.has('branchName') && build.ref !== query.get('branchName')) return false;
        if (query.get('statusFilter') === 'completed' && build.status !== 'completed') return false;
        return results === null || results.includes(build.result ?? 'none');
      })
      .filter(({ finishedAt }) => !isByFinish || (finishedAt ?? 0) >= minTime)
      .sort((a, b) => (isByFinish ? (a.finishedAt ?? 0) - (b.finishedAt ?? 0) : b.id - a.id))
      .slice(0, Number(query.get('$top') ?? 100))
      .map(buildJson);
    return { status: 200, body: { value } };
  }

  #aboutBuild(id: number, what: string): Answer {
    const build = this.builds.find((one) => one.id === id);
    if (!build) return failed(404, 'NotFound');
    const log = `> npm run ${build.step}\n✖ ${build.step} fails\nError: expected 1 to equal 2\n##[error]exit code 1\n`;
    switch (what) {
      case '':
        return { status: 200, body: buildJson(build) };
      case 'timeline':
        return { status: 200, body: { records: build.step === null ? [] : [recordOf(build.step)] } };
      case 'logs':
        return { status: 200, body: { value: [{ id: 7, lineCount: log.split('\n').length - 1 }] } };
      case 'logs/7':
        return { status: 200, body: log };
      default:
        return { status: 200, body: { value: [] } };
    }
  }

  #create(repository: number, body: { sourceRefName: string; targetRefName: string }): Answer {
    const { sourceRefName: source, targetRefName: target } = body;
    const isThere = this.pullRequests.some(
      (one) =>
        one.repository === repository &&
        one.source === source &&
        one.target === target &&
        one.status === 'active',
    );
    if (isThere) return failed(409, 'GitPullRequestExistsException');
    if (this.head(repository, source) === null) return failed(400, 'GitReferenceNotFoundException');
    return {
      status: 201,
      body: requestJson(this.openPullRequest({ repository, source, target, by: 'dogwatch' })),
    };
  }

  #search(repository: number, query: URLSearchParams): Answer {
    const value = this.pullRequests
      .filter(
        (one) => one.repository === repository && one.source === query.get('searchCriteria.sourceRefName'),
      )
      .map(requestJson);
    return { status: 200, body: { value } };
  }

  #onePullRequest(id: number): Answer {
    const request = this.pullRequests.find((one) => one.id === id);
    return request ? { status: 200, body: requestJson(request) } : failed(404, 'NotFound');
  }

  #threads(request: PullRequest, asked: Asked): Answer {
    if (asked.method === 'POST') {
      const { comments } = asked.body as { comments: { content: string }[] };
      request.comments.push(...comments.map(({ content }) => content));
      return { status: 200, body: {} };
    }
    return { status: 200, body: { value: [{ comments: request.comments.map((content) => ({ content })) }] } };
  }

  #patch(
    request: PullRequest,
    body: { status: string; lastMergeSourceCommit?: { commitId: string } },
  ): Answer {
    if (request.status !== 'active') return failed(409, 'GitPullRequestNotEditableException');
    if (body.status === 'abandoned') this.abandon(request);
    else if (body.lastMergeSourceCommit?.commitId !== request.sourceCommit)
      return failed(409, 'GitPullRequestStaleException');
    else {
      this.#world.permitted(request);
      this.complete(request, 'dogwatch');
    }
    return { status: 200, body: requestJson(request) };
  }
}

const key = (repository: number, ref: string): string => `${repository} ${ref}`;
const repositoryOf = (idOrName: string): number =>
  Number(/^service-(\d)$/.exec(idOrName)?.[1] ?? idOrName.slice(7, 8));

const buildJson = (build: Build) => ({
  id: build.id,
  buildNumber: `2026.${build.id}`,
  status: build.status,
  result: build.result,
  sourceBranch: build.ref,
  sourceVersion: build.commit,
  reason: build.source === null ? 'individualCI' : 'pullRequest',
  finishTime: build.finishedAt === null ? null : new Date(build.finishedAt).toISOString(),
  definition: { id: build.repository, name: `${repositoryName(build.repository)}-ci` },
  project: PROJECT,
  repository: { id: repositoryId(build.repository), type: 'TfsGit' },
  requestedFor: { displayName: 'Dana Developer' },
  triggerInfo: build.source === null ? {} : { 'pr.sourceSha': build.source },
});

const requestJson = (request: PullRequest) => ({
  pullRequestId: request.id,
  status: request.status,
  mergeStatus: request.mergeStatus,
  sourceRefName: request.source,
  targetRefName: request.target,
  closedDate: request.closedAt === null ? null : new Date(request.closedAt).toISOString(),
  lastMergeSourceCommit: { commitId: request.sourceCommit },
  lastMergeCommit: request.mergeCommit === null ? null : { commitId: request.mergeCommit },
  repository: { id: repositoryId(request.repository), project: PROJECT },
});

const recordOf = (step: string) => ({
  id: 'r1',
  type: 'Task',
  name: step,
  result: 'failed',
  issues: [{ type: 'error', message: 'exit code 1' }],
  log: { id: 7 },
});
