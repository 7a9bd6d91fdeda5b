/** REST: pull requests and their comment threads. */
import { setTimeout as sleep } from 'node:timers/promises';
import { jsonReply } from '../shared/twin-server.ts';
import { invalidArgument } from './errors.ts';
import { pullRequestDetailJson, pullRequestJson, threadJson } from './pull-request-resources.ts';
import {
  abandonPullRequest,
  addThread,
  checkCompletion,
  completePullRequest,
  createPullRequest,
  findPullRequest,
  type PullRequestEvents,
} from './pull-requests.ts';
import { listReply } from './rest-builds.ts';
import { repositoryOf } from './rest-git.ts';
import { numberOf, queryOf, type RestCall, type Route, route } from './router.ts';
import { type PullRequest, type World, withRepositoryLock } from './world.ts';

type Body = Record<string, unknown>;

export type PullRequestOptions = {
  /** The service completes in the background: until then a GET shows `active` and `queued`. 0 completes at once. */
  completionDelayMs: number;
  /** Ends waiting completions when the twin closes. */
  signal: AbortSignal;
};

export function pullRequestRoutes(
  world: World,
  events: PullRequestEvents,
  options: PullRequestOptions,
): Route[] {
  const base = '/git/repositories/:repositoryId/pullrequests';
  const one = `${base}/:pullRequestId`;
  const find = (call: RestCall): PullRequest => {
    repositoryOf(world, call);
    return findPullRequest(world, call.params.pullRequestId);
  };
  return [
    route('POST', base, async (call) => {
      const repository = repositoryOf(world, call);
      const body = (await call.request.json()) as Body;
      for (const name of ['sourceRefName', 'targetRefName']) {
        if (!String(body[name] ?? '').startsWith('refs/heads/')) {
          throw invalidArgument(
            `TF401019: ${name} must be a full reference name that starts with refs/heads/.`,
          );
        }
      }
      const wanted = {
        title: String(body.title ?? ''),
        description: String(body.description ?? ''),
        sourceRefName: String(body.sourceRefName),
        targetRefName: String(body.targetRefName),
        isDraft: body.isDraft === true,
      };
      if (wanted.title === '') throw invalidArgument('Value cannot be null. Parameter name: title');
      const made = await withRepositoryLock(repository, () =>
        createPullRequest(world, repository, wanted, call.by, events),
      );
      return jsonReply(201, pullRequestDetailJson(world, made));
    }),
    route('GET', base, (call) => {
      const repository = repositoryOf(world, call);
      const found = world.pullRequests.filter(
        (pullRequest) => pullRequest.repository === repository && matches(pullRequest, call.query),
      );
      return listReply(page(found, call.query).map((pullRequest) => pullRequestJson(world, pullRequest)));
    }),
    route('GET', '/git/pullrequests', (call) => {
      const found = world.pullRequests.filter((pullRequest) => matches(pullRequest, call.query));
      return listReply(page(found, call.query).map((pullRequest) => pullRequestJson(world, pullRequest)));
    }),
    route('GET', '/git/pullrequests/:pullRequestId', (call) =>
      jsonReply(200, pullRequestDetailJson(world, findPullRequest(world, call.params.pullRequestId))),
    ),
    route('GET', one, (call) => jsonReply(200, pullRequestDetailJson(world, find(call)))),
    route('PATCH', one, async (call) => {
      const pullRequest = find(call);
      await update(world, pullRequest, (await call.request.json()) as Body, call, events, options);
      return jsonReply(200, pullRequestDetailJson(world, pullRequest));
    }),
    route('GET', `${one}/threads`, (call) => {
      const pullRequest = find(call);
      return listReply(pullRequest.threads.map((thread) => threadJson(world, pullRequest, thread)));
    }),
    route('POST', `${one}/threads`, async (call) => {
      const pullRequest = find(call);
      const body = (await call.request.json()) as { comments?: { content?: string }[]; status?: unknown };
      const content = body.comments?.[0]?.content;
      if (content === undefined) throw invalidArgument('A thread needs at least one comment.');
      const status = { 1: 'active', 2: 'fixed', 4: 'closed' }[Number(body.status)] ?? body.status ?? 'active';
      const thread = addThread(world, pullRequest, content, String(status), call.by);
      events.commented(pullRequest, thread);
      return jsonReply(200, threadJson(world, pullRequest, thread));
    }),
  ];
}

async function update(
  world: World,
  pullRequest: PullRequest,
  body: Body,
  call: RestCall,
  events: PullRequestEvents,
  options: PullRequestOptions,
): Promise<void> {
  if (typeof body.title === 'string') pullRequest.title = body.title;
  if (typeof body.description === 'string') pullRequest.description = body.description;
  if (body.status === 'abandoned') abandonPullRequest(world, pullRequest, call.by, events);
  else if (body.status === 'completed') await complete(world, pullRequest, body, call, events, options);
  else if (body.status === 'active' && pullRequest.status === 'abandoned') pullRequest.status = 'active';
  else events.updated(pullRequest, call.by, 'updated');
}

async function complete(
  world: World,
  pullRequest: PullRequest,
  body: Body,
  call: RestCall,
  events: PullRequestEvents,
  options: PullRequestOptions,
): Promise<void> {
  const commit = (body.lastMergeSourceCommit as { commitId?: string } | undefined)?.commitId;
  const completion = {
    lastMergeSourceCommit: commit,
    options: (body.completionOptions ?? {}) as Body,
    by: call.by,
  };
  const perform = (): Promise<void> =>
    withRepositoryLock(pullRequest.repository, () =>
      completePullRequest(world, pullRequest, completion, events),
    );
  if (options.completionDelayMs <= 0) return perform();
  checkCompletion(world, pullRequest, completion);
  pullRequest.mergeStatus = 'queued';
  void sleep(options.completionDelayMs, undefined, { signal: options.signal })
    .then(perform)
    .catch(() => {
      pullRequest.mergeStatus = 'succeeded';
    });
}

function matches(pullRequest: PullRequest, query: URLSearchParams): boolean {
  const wanted = (name: string): string | undefined => queryOf(query, `searchCriteria.${name}`);
  const status = (wanted('status') ?? 'active').toLowerCase();
  const source = wanted('sourceRefName');
  const target = wanted('targetRefName');
  return (
    (status === 'all' || pullRequest.status === status) &&
    (source === undefined || pullRequest.sourceRefName === source) &&
    (target === undefined || pullRequest.targetRefName === target)
  );
}

function page(found: readonly PullRequest[], query: URLSearchParams): PullRequest[] {
  const skip = numberOf(query, '$skip') ?? 0;
  return found.toReversed().slice(skip, skip + (numberOf(query, '$top') ?? 101));
}
