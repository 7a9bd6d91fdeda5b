/** What sets off what: a push queues builds and updates pull requests, these queue theirs; all of it is told to the hooks. */
import type { BuildQueue } from './builds.ts';
import { type GitCommit, git, readCommits, runGit, zeroObjectId } from './git.ts';
import { pullRequestCommentEvent, pullRequestEvent, pushEvent } from './git-events.ts';
import { eventTypes } from './hook-event.ts';
import type { Hooks } from './hooks.ts';
import { parsePipeline, triggersOn } from './pipeline-yaml.ts';
import { followPush, type PullRequestEvents } from './pull-requests.ts';
import {
  type Definition,
  guidFrom,
  type Identity,
  type PullRequest,
  type RefUpdate,
  type Repository,
  type World,
} from './world.ts';

export type Triggers = {
  /** The caller holds the repository's lock. */
  afterRefsChanged(repository: Repository, updates: readonly RefUpdate[], by: Identity): Promise<void>;
  pullRequestEvents: PullRequestEvents;
};

export function createTriggers(world: World, queue: BuildQueue, hooks: Hooks): Triggers {
  const publish = (type: string, pullRequest: PullRequest, by: Identity, what: string): void =>
    hooks.publish(pullRequestEvent(world, type, pullRequest, by, what));

  const pullRequestEvents: PullRequestEvents = {
    created: (pullRequest) =>
      publish(eventTypes.pullRequestCreated, pullRequest, pullRequest.createdBy, 'created'),
    updated: (pullRequest, by, what) => publish(eventTypes.pullRequestUpdated, pullRequest, by, what),
    mergeAttempted: (pullRequest) =>
      publish(eventTypes.pullRequestMerged, pullRequest, world.identities.system, 'attempted to merge'),
    commented: (pullRequest, thread) => hooks.publish(pullRequestCommentEvent(world, pullRequest, thread)),
    refsChanged: (repository, updates, by) => afterRefsChanged(repository, updates, by),
    queueBuild: (pullRequest, definition) => queuePullRequestBuild(queue, pullRequest, definition),
  };

  const afterRefsChanged: Triggers['afterRefsChanged'] = async (repository, updates, by) => {
    const branches = updates.filter((update) => update.name.startsWith('refs/heads/'));
    if (branches.length === 0) return;
    const push = {
      pushId: repository.pushes.length + 1,
      at: world.now(),
      pushedBy: by,
      refUpdates: branches,
    };
    repository.pushes.push(push);
    for (const update of branches) {
      const commits = await pushedCommits(repository, update);
      hooks.publish(pushEvent(world, repository, { ...push, refUpdates: [update] }, commits));
      await queueContinuousBuilds(world, queue, repository, update, by);
    }
    await followPush(world, repository, branches, by, pullRequestEvents);
  };

  return { afterRefsChanged, pullRequestEvents };
}

async function queueContinuousBuilds(
  world: World,
  queue: BuildQueue,
  repository: Repository,
  update: RefUpdate,
  by: Identity,
): Promise<void> {
  const commit = update.newObjectId;
  if (commit === zeroObjectId) return;
  const message = await git(['--git-dir', repository.gitDir, 'log', '-1', '--format=%B', commit]);
  if (/\[(skip ci|ci skip|skip azurepipelines)\]|\*\*\*NO_CI\*\*\*/i.test(message)) return;
  for (const definition of world.definitions) {
    if (definition.repositoryId !== repository.id) continue;
    const spec = `${commit}:${definition.yamlPath.replace(/^\//, '')}`;
    const file = await runGit(['--git-dir', repository.gitDir, 'show', spec]);
    const parsed = file.exitCode === 0 ? parsePipeline(file.stdout) : undefined;
    if (!parsed?.ok || !triggersOn(parsed.pipeline.trigger, update.name)) continue;
    queue.queue({
      definition,
      repository,
      sourceBranch: update.name,
      sourceVersion: commit,
      reason: 'individualCI',
      requestedFor: by,
      triggerInfo: {
        'ci.sourceBranch': update.name,
        'ci.sourceSha': commit,
        'ci.message': message.trim().split('\n')[0] ?? '',
        'ci.triggerRepository': repository.id,
      },
    });
  }
}

function queuePullRequestBuild(queue: BuildQueue, pullRequest: PullRequest, definition: Definition): void {
  const { repository } = pullRequest;
  queue.queue({
    definition,
    repository,
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
      'pr.triggerRepository': repository.id,
      'pr.triggerRepository.Type': 'TfsGit',
    },
  });
}

async function pushedCommits(repository: Repository, update: RefUpdate): Promise<GitCommit[]> {
  if (update.newObjectId === zeroObjectId) return [];
  const range =
    update.oldObjectId === zeroObjectId
      ? [update.newObjectId, '--not', repository.defaultBranch]
      : [`${update.oldObjectId}..${update.newObjectId}`];
  return readCommits(repository.gitDir, ['--max-count=50', ...range]);
}
