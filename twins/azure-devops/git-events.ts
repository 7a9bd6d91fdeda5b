/** Service-hook events of pushes, pull requests and their comments in Microsoft's shapes. Pure. */
import type { GitCommit } from './git.ts';
import { escapeHtml, eventTypes, type HookEvent, linked, plain } from './hook-event.ts';
import { commentJson, pullRequestJson, pullRequestUrl, pullRequestWebUrl } from './pull-request-resources.ts';
import { identityJson, remoteUrl, repositoryJson, repositoryUrl } from './resources.ts';
import {
  azureTime,
  type Identity,
  type PullRequest,
  type PullRequestThread,
  type Push,
  type Repository,
  type World,
} from './world.ts';

type Json = Record<string, unknown>;

export function pushEvent(
  world: World,
  repository: Repository,
  push: Push,
  commits: readonly GitCommit[],
): HookEvent {
  const branch = (push.refUpdates[0]?.name ?? '').replace(/^refs\/heads\//, '');
  const who = push.pushedBy.displayName;
  const where = `of repository ${repository.name}.`;
  const list = commits.map((commit) => ` - ${commit.comment.split('\n')[0]} ${commit.commitId.slice(0, 8)}`);
  const detail = `${who} pushed ${commits.length} commit${commits.length === 1 ? '' : 's'} to branch ${branch} ${where}\n${list.join('\n')}`;
  return {
    eventType: eventTypes.push,
    message: plain(`${who} pushed updates to branch ${branch} ${where}`),
    detailedMessage: plain(detail),
    versions: [
      {
        version: '1.0',
        resource: {
          commits: commits.map((commit) => ({
            commitId: commit.commitId,
            author: commit.author,
            committer: commit.committer,
            comment: commit.comment,
            url: `${remoteUrl(world, repository)}/commit/${commit.commitId}`,
          })),
          refUpdates: push.refUpdates,
          repository: repositoryJson(world, repository),
          pushedBy: identityJson(world, push.pushedBy),
          pushId: push.pushId,
          date: azureTime(push.at),
          url: `${repositoryUrl(world, repository)}/pushes/${push.pushId}`,
        },
      },
    ],
    filters: { repository: repository.id, branch: push.refUpdates[0]?.name ?? '' },
  };
}

/** `what` completes "<name> … pull request 7": `created`, `marked as completed`. */
export function pullRequestEvent(
  world: World,
  eventType: string,
  pullRequest: PullRequest,
  by: Identity,
  what: string,
): HookEvent {
  const text = linked(
    `${by.displayName} ${what} `,
    `pull request ${pullRequest.id}`,
    ` (${pullRequest.title}) in ${pullRequest.repository.name}`,
    pullRequestWebUrl(world, pullRequest),
  );
  const status = `\r\n\r\n- Merge status: ${pullRequest.mergeStatus}\r\n`;
  const resource = pullRequestResource(world, pullRequest);
  if (eventType === eventTypes.pullRequestMerged) delete resource.commits;
  return {
    eventType,
    message: text,
    detailedMessage: {
      text: text.text + status,
      html: text.html + status,
      markdown: text.markdown + status,
    },
    versions: [{ version: '1.0', resource }],
    filters: {
      repository: pullRequest.repository.id,
      branch: pullRequest.targetRefName,
    },
  };
}

function pullRequestResource(world: World, pullRequest: PullRequest): Json {
  const json = pullRequestJson(world, pullRequest);
  return {
    ...json,
    commits: [json.lastMergeSourceCommit],
    _links: {
      web: { href: pullRequestWebUrl(world, pullRequest) },
      statuses: { href: `${pullRequestUrl(world, pullRequest)}/statuses` },
    },
  };
}

export function pullRequestCommentEvent(
  world: World,
  pullRequest: PullRequest,
  thread: PullRequestThread,
): HookEvent {
  const comment = thread.comments.at(-1);
  if (!comment) throw new Error(`thread ${thread.id} holds no comment`);
  const url = `${pullRequestWebUrl(world, pullRequest)}?discussionId=${thread.id}`;
  const text = linked(`${comment.author.displayName} has `, 'commented on', ' a pull request', url);
  const json = commentJson(world, pullRequest, thread, comment);
  return {
    eventType: eventTypes.pullRequestComment,
    message: text,
    detailedMessage: {
      text: `${text.text}\r\n${comment.content}\r\n`,
      html: `${text.html}<p>${escapeHtml(comment.content)}</p>`,
      markdown: `${text.markdown}\r\n${comment.content}\r\n`,
    },
    versions: [
      { version: '1.0', resource: json },
      {
        version: '2.0',
        resource: { comment: json, pullRequest: pullRequestResource(world, pullRequest) },
      },
    ],
    filters: { repository: pullRequest.repository.id, branch: pullRequest.targetRefName },
  };
}
