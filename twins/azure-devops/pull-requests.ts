/** Pull requests: the real merge commit at `refs/pull/{id}/merge`, its builds, and completion. */
import { AzureError, invalidArgument, notFound } from './errors.ts';
import { commitTree, git, isAncestor, mergeTrees, resolveCommit, zeroObjectId } from './git.ts';
import {
  type Build,
  type Definition,
  type Identity,
  newGuid,
  type PullRequest,
  type PullRequestThread,
  type RefUpdate,
  type Repository,
  type World,
} from './world.ts';

export type PullRequestEvents = {
  created(pullRequest: PullRequest): void;
  /** `what` completes the sentence "X …". */
  updated(pullRequest: PullRequest, by: Identity, what: string): void;
  /** A merge was attempted, which says nothing about its success. */
  mergeAttempted(pullRequest: PullRequest): void;
  commented(pullRequest: PullRequest, thread: PullRequestThread): void;
  /** The repository's refs changed because of a completion. */
  refsChanged(repository: Repository, updates: RefUpdate[], by: Identity): Promise<void>;
  queueBuild(pullRequest: PullRequest, definition: Definition): void;
};

export type NewPullRequest = {
  title: string;
  description: string;
  sourceRefName: string;
  targetRefName: string;
  isDraft: boolean;
};

const service = { name: 'Azure DevOps Twin', email: 'service@example.com' };

export async function createPullRequest(
  world: World,
  repository: Repository,
  wanted: NewPullRequest,
  by: Identity,
  events: PullRequestEvents,
): Promise<PullRequest> {
  const sourceCommit = await resolveCommit(repository.gitDir, wanted.sourceRefName);
  const targetCommit = await resolveCommit(repository.gitDir, wanted.targetRefName);
  if (!sourceCommit || !targetCommit) {
    throw new AzureError(
      400,
      'GitPullRequestCannotBeActivated',
      'TF401398: The pull request cannot be activated because the source and/or the target branch no longer exists, or the requested push does not exist.',
    );
  }
  if (wanted.sourceRefName === wanted.targetRefName) {
    throw invalidArgument('TF401162: Source and target branches must be different.');
  }
  const open = world.pullRequests.find(
    (one) =>
      one.repository === repository &&
      one.status === 'active' &&
      one.sourceRefName === wanted.sourceRefName &&
      one.targetRefName === wanted.targetRefName,
  );
  if (open) {
    throw new AzureError(
      409,
      'GitPullRequestExistsException',
      'TF401179: An active pull request for the source and target branch already exists.',
    );
  }
  const pullRequest: PullRequest = {
    id: (world.pullRequests.at(-1)?.id ?? 0) + 1,
    repository,
    ...wanted,
    status: 'active',
    mergeStatus: 'queued',
    mergeId: newGuid(),
    createdBy: by,
    createdAt: world.now(),
    sourceCommit,
    targetCommit,
    threads: [],
  };
  world.pullRequests.push(pullRequest);
  await attemptMerge(world, pullRequest);
  events.created(pullRequest);
  events.mergeAttempted(pullRequest);
  queuePolicyBuilds(world, pullRequest, events);
  return pullRequest;
}

/** After a push: open pull requests from a pushed branch get a new merge commit and a new build; to it, a new merge. */
export async function followPush(
  world: World,
  repository: Repository,
  updates: readonly RefUpdate[],
  by: Identity,
  events: PullRequestEvents,
): Promise<void> {
  const pushed = new Map(updates.map((update) => [update.name, update.newObjectId]));
  for (const pullRequest of world.pullRequests) {
    if (pullRequest.repository !== repository || pullRequest.status !== 'active') continue;
    const source = pushed.get(pullRequest.sourceRefName);
    const target = pushed.get(pullRequest.targetRefName);
    if (target !== undefined && target !== zeroObjectId) pullRequest.targetCommit = target;
    if (source !== undefined && source !== zeroObjectId) {
      pullRequest.sourceCommit = source;
      await attemptMerge(world, pullRequest);
      events.updated(pullRequest, by, 'updated the source branch of');
      events.mergeAttempted(pullRequest);
      queuePolicyBuilds(world, pullRequest, events);
    } else if (target !== undefined) {
      await attemptMerge(world, pullRequest);
      events.mergeAttempted(pullRequest);
    }
  }
}

async function attemptMerge(world: World, pullRequest: PullRequest): Promise<void> {
  const { gitDir } = pullRequest.repository;
  pullRequest.mergeId = newGuid();
  const merge = await mergeTrees(gitDir, pullRequest.targetCommit, pullRequest.sourceCommit);
  if (!merge.ok) {
    pullRequest.mergeStatus = 'conflicts';
    delete pullRequest.mergeCommit;
    return;
  }
  pullRequest.mergeCommit = await commitTree(gitDir, {
    treeId: merge.treeId,
    parents: [pullRequest.targetCommit, pullRequest.sourceCommit],
    message: `Merge pull request ${pullRequest.id} from ${shortName(pullRequest.sourceRefName)} into ${shortName(pullRequest.targetRefName)}\n`,
    author: service,
    atMs: world.now(),
  });
  pullRequest.mergeStatus = 'succeeded';
  await git([
    '--git-dir',
    gitDir,
    'update-ref',
    `refs/pull/${pullRequest.id}/merge`,
    pullRequest.mergeCommit,
  ]);
}

function queuePolicyBuilds(world: World, pullRequest: PullRequest, events: PullRequestEvents): void {
  if (pullRequest.mergeStatus !== 'succeeded') return;
  for (const definition of buildPolicies(world, pullRequest)) events.queueBuild(pullRequest, definition);
}

/** Definitions whose build must be green before the pull request may be completed. */
export function buildPolicies(world: World, pullRequest: PullRequest): Definition[] {
  if (pullRequest.targetRefName !== pullRequest.repository.defaultBranch) return [];
  return world.definitions.filter((one) => one.prBuild && one.repositoryId === pullRequest.repository.id);
}

/** The policy looks at the newest build of the pull request's present merge commit. */
export function unmetPolicy(world: World, pullRequest: PullRequest): Definition | undefined {
  return buildPolicies(world, pullRequest).find((definition) => {
    const newest = world.builds.findLast(
      (build: Build) => build.definition === definition && build.pullRequestId === pullRequest.id,
    );
    return newest?.result !== 'succeeded' || newest.triggerInfo['pr.sourceSha'] !== pullRequest.sourceCommit;
  });
}

export type Completion = {
  lastMergeSourceCommit: string | undefined;
  options: Record<string, unknown>;
  by: Identity;
};

/** Merges for real, at exactly the commit the caller names, and moves the target branch. */
export async function completePullRequest(
  world: World,
  pullRequest: PullRequest,
  completion: Completion,
  events: PullRequestEvents,
): Promise<void> {
  const { gitDir } = pullRequest.repository;
  checkCompletion(world, pullRequest, completion);
  const source = await resolveCommit(gitDir, pullRequest.sourceRefName);
  const target = await resolveCommit(gitDir, pullRequest.targetRefName);
  if (source !== pullRequest.sourceCommit || !target) throw stale();
  pullRequest.targetCommit = target;
  const merge = await mergeTrees(gitDir, target, source);
  if (!merge.ok) {
    pullRequest.mergeStatus = 'conflicts';
    events.mergeAttempted(pullRequest);
    return;
  }
  const strategy = String(completion.options.mergeStrategy ?? 'noFastForward');
  const isSquash = strategy === 'squash' || completion.options.squashMerge === true;
  if (!isSquash && strategy !== 'noFastForward') {
    throw invalidArgument(`The merge strategy ${strategy} is not known to this service.`);
  }
  const upToDate = await isAncestor(gitDir, source, target);
  const mergeCommit = upToDate
    ? target
    : await commitTree(gitDir, {
        treeId: merge.treeId,
        parents: isSquash ? [target] : [target, source],
        message: `${String(completion.options.mergeCommitMessage ?? `Merged PR ${pullRequest.id}: ${pullRequest.title}\n\n${pullRequest.description}`).trim()}\n`,
        author: { name: completion.by.displayName, email: completion.by.uniqueName },
        committer: service,
        atMs: world.now(),
      });
  await git(['--git-dir', gitDir, 'update-ref', pullRequest.targetRefName, mergeCommit, target]);
  const updates: RefUpdate[] = [
    { name: pullRequest.targetRefName, oldObjectId: target, newObjectId: mergeCommit },
  ];
  if (completion.options.deleteSourceBranch === true) {
    await git(['--git-dir', gitDir, 'update-ref', '-d', pullRequest.sourceRefName, source]);
    updates.push({ name: pullRequest.sourceRefName, oldObjectId: source, newObjectId: zeroObjectId });
  }
  Object.assign(pullRequest, {
    status: 'completed',
    mergeStatus: 'succeeded',
    mergeCommit,
    closedAt: world.now(),
    closedBy: completion.by,
    completionOptions: completion.options,
  });
  events.mergeAttempted(pullRequest);
  events.updated(pullRequest, completion.by, 'marked as completed');
  await events.refsChanged(pullRequest.repository, updates, completion.by);
}

/** Throws where the service would refuse; changes nothing. */
export function checkCompletion(world: World, pullRequest: PullRequest, completion: Completion): void {
  if (pullRequest.status !== 'active') {
    throw invalidArgument('TF401181: The pull request cannot be edited due to its state.');
  }
  if (completion.lastMergeSourceCommit === undefined) {
    throw invalidArgument('The lastMergeSourceCommit must be given when completing a pull request.');
  }
  if (completion.lastMergeSourceCommit !== pullRequest.sourceCommit) throw stale();
  if (completion.options.bypassPolicy !== true && unmetPolicy(world, pullRequest)) {
    throw new AzureError(
      403,
      'GitPullRequestUpdateRejectedByPolicyException',
      'The pull request cannot be completed: a required policy is not satisfied.',
    );
  }
}

function stale(): AzureError {
  return new AzureError(
    409,
    'GitPullRequestStaleException',
    'TF401192: The source branch has been modified since the last merge attempt.',
  );
}

export function abandonPullRequest(
  world: World,
  pullRequest: PullRequest,
  by: Identity,
  events: PullRequestEvents,
): void {
  pullRequest.status = 'abandoned';
  pullRequest.closedAt = world.now();
  pullRequest.closedBy = by;
  events.updated(pullRequest, by, 'abandoned');
}

export function addThread(
  world: World,
  pullRequest: PullRequest,
  content: string,
  status: string,
  by: Identity,
): PullRequestThread {
  const thread: PullRequestThread = {
    id: pullRequest.threads.length + 1,
    status,
    at: world.now(),
    comments: [{ id: 1, parentCommentId: 0, author: by, content, at: world.now() }],
  };
  pullRequest.threads.push(thread);
  return thread;
}

export function findPullRequest(world: World, id: string | undefined): PullRequest {
  const found = world.pullRequests.find((one) => String(one.id) === id);
  if (!found) throw notFound.pullRequest();
  return found;
}

function shortName(ref: string): string {
  return ref.replace(/^refs\/heads\//, '');
}
