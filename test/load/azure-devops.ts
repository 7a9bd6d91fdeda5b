import { createHash, randomUUID } from 'node:crypto';
import { type Answer, type Asked, type HttpService, serve } from './http-service.ts';

export const PROJECT = { id: '11111111-1111-4111-8111-111111111111', name: 'shop' };

interface Build {
  id: number;
  repository: number;
  ref: string;
  commit: string;
  /** Of a pull request's build: what is to be merged. */
  source: string | null;
  result: 'failed' | 'succeeded';
  finishedAt: number;
}

export interface LoadPullRequest {
  id: number;
  repository: number;
  source: string;
  target: string;
  status: 'active' | 'completed' | 'abandoned';
  commit: string;
  mergeCommit: string | null;
  closedAt: number | null;
  /** How often it was told to complete. */
  completions: number;
  comments: string[];
}

/** What tells of the end of a build. */
export const BUILD_HOOKS = [
  'build.complete',
  'ms.vss-pipelines.run-state-changed-event',
  'ms.vss-pipelines.stage-state-changed-event',
  'ms.vss-pipelines.job-state-changed-event',
] as const;

/** One notification of a service hook: its body, and what it tells of. */
export interface Hook {
  id: string;
  body: string;
}

const commitOf = (text: string): string => createHash('sha1').update(text).digest('hex');
const repositoryId = (n: number): string => `${String(n).padStart(8, '0')}-2222-4222-8222-222222222222`;
const repositoryOf = (idOrName: string): number => Number(/^(?:service-)?0*(\d+)/.exec(idOrName)?.[1]);
const repositoryName = (n: number): string => `service-${n}`;
const MAIN = 'refs/heads/main';
const LOG = '> npm test\n✖ rounds half up\nError: expected 1 to equal 2\n##[error]exit code 1\n';

/**
 * Azure DevOps for many pipelines at once: nothing is built, but it answers as if. Each repository has one
 * pipeline with the same number; a fix makes it green.
 */
export class LoadAzureDevOps {
  readonly builds = new Map<number, Build>();
  readonly pullRequests: LoadPullRequest[] = [];
  readonly branches = new Map<string, string>();
  /** Pushes by ref, as the outside saw them. */
  readonly pushes: string[] = [];
  requests = 0;
  /** How long it takes over an answer. */
  latencyMs = 0;
  /** No answer before this is done. */
  held: Promise<void> | null = null;
  /** What it tells of by itself. */
  onHook: (hook: Hook) => void = () => {};
  readonly #delayMs: number;
  #service: HttpService | null = null;
  #lastId = 1_000;

  constructor(delayMs = 200) {
    this.#delayMs = delayMs;
  }

  /** The organisation's address. */
  get url(): string {
    return `${this.#service?.url}/load`;
  }

  async open(): Promise<void> {
    this.#service = await serve(async (asked) => {
      await this.held;
      if (this.latencyMs > 0) await new Promise((done) => setTimeout(done, this.latencyMs));
      return this.#answer(asked);
    });
  }

  async close(): Promise<void> {
    await this.#service?.close();
  }

  /** A failed build of `main`. */
  addFailure(repository: number): number {
    const head = this.#head(repository, MAIN);
    return this.#build({ repository, ref: MAIN, commit: head, source: null, result: 'failed' }).id;
  }

  head(repository: number, ref: string): string | null {
    return this.branches.get(`${repository} ${ref}`) ?? null;
  }

  /** A fast-forward; false when the ref is not where it was thought to be. */
  push(repository: number, ref: string, expected: string | null, commit: string): boolean {
    if (this.head(repository, ref) !== expected) return false;
    this.branches.set(`${repository} ${ref}`, commit);
    this.pushes.push(`${repository} ${ref}`);
    return true;
  }

  hookOfBuild(id: number, type: (typeof BUILD_HOOKS)[number]): Hook {
    const build = this.builds.get(id);
    if (!build) throw new Error(`no build ${id}`);
    const resource =
      type === 'build.complete'
        ? { ...buildJson(build, this.url), _links: linksOf(this.url, id) }
        : {
            run: { id, state: 'completed', _links: linksOf(this.url, id) },
            pipeline: { id: build.repository },
          };
    return this.#hook(type, resource);
  }

  /** A build that nothing follows from. */
  addGreen(repository: number): number {
    const commit = this.#head(repository, MAIN);
    return this.#build({ repository, ref: MAIN, commit, source: null, result: 'succeeded' }).id;
  }

  #head(repository: number, ref: string): string {
    const known = this.head(repository, ref);
    if (known !== null) return known;
    const first = commitOf(`${repository} ${ref}`);
    this.branches.set(`${repository} ${ref}`, first);
    return first;
  }

  #build(about: Omit<Build, 'id' | 'finishedAt'>): Build {
    const build = { ...about, id: ++this.#lastId, finishedAt: Date.now() };
    this.builds.set(build.id, build);
    return build;
  }

  #hook(eventType: string, resource: unknown): Hook {
    const id = randomUUID();
    const body = JSON.stringify({
      subscriptionId: '33333333-3333-4333-8333-333333333333',
      notificationId: this.#lastId,
      id,
      eventType,
      publisherId: 'tfs',
      message: { text: 'A build of service failed', html: '<a>', markdown: '[]' },
      // With it the whole is as long as most are: 4 KB.
      detailedMessage: { text: 'x'.repeat(2_400) },
      resource,
      resourceVersion: '2.0',
      resourceContainers: { project: { id: PROJECT.id, baseUrl: this.url } },
      createdDate: new Date().toISOString(),
    });
    return { id, body };
  }

  #later(work: () => void): void {
    setTimeout(work, this.#delayMs).unref();
  }

  // -- its API

  #answer(asked: Asked): Answer {
    this.requests += 1;
    const [, , project, ...rest] = asked.path.split('/');
    if (project !== PROJECT.name) return { status: 200, body: PROJECT };
    const path = rest.join('/');
    if (path === '_apis/build/builds') return { status: 200, body: { value: [] } };
    if (path === '_apis/build/changes') return { status: 200, body: { value: [] } };
    const build = /^_apis\/build\/builds\/(\d+)(?:\/(.*))?$/.exec(path);
    if (build) return this.#aboutBuild(Number(build[1]), build[2] ?? '');
    const git = /^_apis\/git\/repositories\/([^/]+)(?:\/pullrequests(?:\/(\d+)(\/threads)?)?)?$/.exec(path);
    if (!git) return missing;
    const repository = repositoryOf(git[1] ?? '');
    if (!path.includes('/pullrequests')) return { status: 200, body: repositoryJson(repository) };
    if (git[2] === undefined)
      return asked.method === 'POST'
        ? this.#create(repository, asked.body as { sourceRefName: string; targetRefName: string })
        : this.#search(repository, asked.query.get('searchCriteria.sourceRefName'));
    const request = this.pullRequests.find(({ id }) => id === Number(git[2]));
    if (!request) return missing;
    if (git[3]) return this.#threads(request, asked);
    if (asked.method === 'PATCH') return this.#patch(request, asked.body as { status: string });
    return { status: 200, body: requestJson(request) };
  }

  #aboutBuild(id: number, what: string): Answer {
    const build = this.builds.get(id);
    if (!build) return missing;
    switch (what) {
      case '':
        return { status: 200, body: buildJson(build, this.url) };
      case 'timeline':
        return { status: 200, body: { records: build.result === 'failed' ? [failedTask] : [] } };
      case 'logs':
        return { status: 200, body: { value: [{ id: 7, lineCount: LOG.split('\n').length - 1 }] } };
      case 'logs/7':
        return { status: 200, body: LOG };
      default:
        return { status: 200, body: { value: [] } };
    }
  }

  #create(repository: number, body: { sourceRefName: string; targetRefName: string }): Answer {
    const { sourceRefName: source, targetRefName: target } = body;
    const commit = this.head(repository, source);
    if (commit === null)
      return { status: 400, body: { typeKey: 'GitReferenceNotFoundException', message: '' } };
    const isThere = this.pullRequests.some(
      (one) => one.repository === repository && one.source === source && one.status === 'active',
    );
    if (isThere) return { status: 409, body: { typeKey: 'GitPullRequestExistsException', message: '' } };
    const request: LoadPullRequest = {
      id: ++this.#lastId,
      repository,
      source,
      target,
      status: 'active',
      commit,
      mergeCommit: null,
      closedAt: null,
      completions: 0,
      comments: [],
    };
    this.pullRequests.push(request);
    this.#later(() => {
      const merged = commitOf(`merge ${request.id}`);
      const ref = `refs/pull/${request.id}/merge`;
      const about = { repository, ref, commit: merged, source: commit, result: 'succeeded' as const };
      this.onHook(this.hookOfBuild(this.#build(about).id, 'build.complete'));
    });
    return { status: 201, body: requestJson(request) };
  }

  #search(repository: number, source: string | null): Answer {
    const found = this.pullRequests.filter((one) => one.repository === repository && one.source === source);
    return { status: 200, body: { value: found.map(requestJson) } };
  }

  #threads(request: LoadPullRequest, asked: Asked): Answer {
    if (asked.method !== 'POST')
      return {
        status: 200,
        body: { value: [{ comments: request.comments.map((content) => ({ content })) }] },
      };
    const { comments } = asked.body as { comments: { content: string }[] };
    request.comments.push(...comments.map(({ content }) => content));
    return { status: 200, body: {} };
  }

  #patch(request: LoadPullRequest, { status }: { status: string }): Answer {
    if (request.status !== 'active')
      return { status: 409, body: { typeKey: 'GitPullRequestNotEditableException', message: '' } };
    request.closedAt = Date.now();
    if (status === 'abandoned') {
      request.status = 'abandoned';
      return { status: 200, body: requestJson(request) };
    }
    request.completions += 1;
    request.status = 'completed';
    request.mergeCommit = commitOf(`merge ${request.id}`);
    this.branches.set(`${request.repository} ${request.target}`, request.mergeCommit);
    this.#later(() => {
      const { repository, target, mergeCommit } = request;
      const commit = mergeCommit ?? '';
      const about = { repository, ref: target, commit, source: null, result: 'succeeded' as const };
      this.onHook(this.#hook('git.pullrequest.merged', requestJson(request)));
      this.onHook(this.hookOfBuild(this.#build(about).id, 'build.complete'));
    });
    return { status: 200, body: requestJson(request) };
  }
}

const missing: Answer = { status: 404, body: { typeKey: 'NotFound', message: 'not found' } };
const failedTask = {
  id: 'r1',
  type: 'Task',
  name: 'Test',
  result: 'failed',
  issues: [{ type: 'error', message: 'exit code 1' }],
  log: { id: 7 },
};

const linksOf = (url: string, build: number) => ({
  self: { href: `${url}/${PROJECT.id}/_apis/build/Builds/${build}` },
  web: { href: `${url}/${PROJECT.id}/_build/results?buildId=${build}` },
  timeline: { href: `${url}/${PROJECT.id}/_apis/build/builds/${build}/Timeline` },
  badge: { href: `${url}/${PROJECT.id}/_apis/build/status/${build}` },
});

const repositoryJson = (n: number) => ({
  id: repositoryId(n),
  name: repositoryName(n),
  defaultBranch: MAIN,
});

const buildJson = (build: Build, url: string) => ({
  id: build.id,
  url: `${url}/${PROJECT.id}/_apis/build/Builds/${build.id}`,
  buildNumber: `2026.${build.id}`,
  status: 'completed',
  result: build.result,
  sourceBranch: build.ref,
  sourceVersion: build.commit,
  reason: build.source === null ? 'individualCI' : 'pullRequest',
  queueTime: new Date(build.finishedAt - 60_000).toISOString(),
  startTime: new Date(build.finishedAt - 50_000).toISOString(),
  finishTime: new Date(build.finishedAt).toISOString(),
  definition: { id: build.repository, name: `${repositoryName(build.repository)}-ci`, project: PROJECT },
  project: PROJECT,
  repository: { id: repositoryId(build.repository), type: 'TfsGit' },
  requestedFor: { displayName: 'Dana Developer', uniqueName: 'dana@example.com' },
  triggerInfo: build.source === null ? {} : { 'pr.sourceSha': build.source },
});

const requestJson = (request: LoadPullRequest) => ({
  pullRequestId: request.id,
  status: request.status,
  mergeStatus: 'succeeded',
  sourceRefName: request.source,
  targetRefName: request.target,
  closedDate: request.closedAt === null ? null : new Date(request.closedAt).toISOString(),
  lastMergeSourceCommit: { commitId: request.commit },
  lastMergeCommit: request.mergeCommit === null ? null : { commitId: request.mergeCommit },
  repository: { id: repositoryId(request.repository), project: PROJECT },
});
