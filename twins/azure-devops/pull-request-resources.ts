/** The JSON of pull requests, their threads and comments. Pure. */
import { commitReference } from './git-resources.ts';
import { identityJson, remoteUrl, repositoryJson, repositoryUrl } from './resources.ts';
import {
  azureTime,
  type PullRequest,
  type PullRequestComment,
  type PullRequestThread,
  type World,
} from './world.ts';

type Json = Record<string, unknown>;

export function pullRequestUrl(world: World, pullRequest: PullRequest): string {
  return `${repositoryUrl(world, pullRequest.repository)}/pullRequests/${pullRequest.id}`;
}

/** The fields that lists, single answers and event payloads share. */
export function pullRequestJson(world: World, pullRequest: PullRequest): Json {
  const { repository } = pullRequest;
  const commit = (id: string): Json => commitReference(world, repository, id);
  return {
    repository: repositoryJson(world, repository),
    pullRequestId: pullRequest.id,
    codeReviewId: pullRequest.id,
    status: pullRequest.status,
    createdBy: identityJson(world, pullRequest.createdBy),
    creationDate: azureTime(pullRequest.createdAt),
    ...(pullRequest.closedAt === undefined ? {} : { closedDate: azureTime(pullRequest.closedAt) }),
    ...(pullRequest.closedBy === undefined ? {} : { closedBy: identityJson(world, pullRequest.closedBy) }),
    title: pullRequest.title,
    description: pullRequest.description,
    sourceRefName: pullRequest.sourceRefName,
    targetRefName: pullRequest.targetRefName,
    mergeStatus: pullRequest.mergeStatus,
    isDraft: pullRequest.isDraft,
    mergeId: pullRequest.mergeId,
    lastMergeSourceCommit: commit(pullRequest.sourceCommit),
    lastMergeTargetCommit: commit(pullRequest.targetCommit),
    ...(pullRequest.mergeCommit === undefined ? {} : { lastMergeCommit: commit(pullRequest.mergeCommit) }),
    reviewers: [],
    url: pullRequestUrl(world, pullRequest),
    ...(pullRequest.completionOptions === undefined
      ? {}
      : { completionOptions: pullRequest.completionOptions }),
    supportsIterations: true,
  };
}

export function pullRequestDetailJson(world: World, pullRequest: PullRequest): Json {
  const { repository } = pullRequest;
  const self = pullRequestUrl(world, pullRequest);
  const api = repositoryUrl(world, repository);
  return {
    ...pullRequestJson(world, pullRequest),
    labels: [],
    _links: {
      self: { href: self },
      repository: { href: api },
      workItems: { href: `${self}/workitems` },
      sourceBranch: { href: `${api}/refs/${pullRequest.sourceRefName.replace(/^refs\//, '')}` },
      targetBranch: { href: `${api}/refs/${pullRequest.targetRefName.replace(/^refs\//, '')}` },
      sourceCommit: { href: `${api}/commits/${pullRequest.sourceCommit}` },
      targetCommit: { href: `${api}/commits/${pullRequest.targetCommit}` },
      createdBy: { href: `${world.url}/_apis/Identities/${pullRequest.createdBy.id}` },
      iterations: { href: `${self}/iterations` },
    },
    artifactId: `vstfs:///Git/PullRequestId/${world.project.id}%2f${repository.id}%2f${pullRequest.id}`,
  };
}

export function pullRequestWebUrl(world: World, pullRequest: PullRequest): string {
  return `${remoteUrl(world, pullRequest.repository)}/pullrequest/${pullRequest.id}`;
}

export function threadJson(world: World, pullRequest: PullRequest, thread: PullRequestThread): Json {
  return {
    pullRequestThreadContext: null,
    id: thread.id,
    publishedDate: azureTime(thread.at),
    lastUpdatedDate: azureTime(thread.comments.at(-1)?.at ?? thread.at),
    comments: thread.comments.map((comment) => commentJson(world, pullRequest, thread, comment)),
    status: thread.status,
    threadContext: null,
    properties: {},
    identities: null,
    isDeleted: false,
    _links: {
      self: { href: `${pullRequestUrl(world, pullRequest)}/threads/${thread.id}` },
      repository: { href: repositoryUrl(world, pullRequest.repository) },
    },
  };
}

export function commentJson(
  world: World,
  pullRequest: PullRequest,
  thread: PullRequestThread,
  comment: PullRequestComment,
): Json {
  const threads = `${pullRequestUrl(world, pullRequest)}/threads/${thread.id}`;
  return {
    id: comment.id,
    parentCommentId: comment.parentCommentId,
    author: identityJson(world, comment.author),
    content: comment.content,
    publishedDate: azureTime(comment.at),
    lastUpdatedDate: azureTime(comment.at),
    lastContentUpdatedDate: azureTime(comment.at),
    commentType: 'text',
    isDeleted: false,
    usersLiked: [],
    _links: {
      self: { href: `${threads}/comments/${comment.id}` },
      repository: { href: repositoryUrl(world, pullRequest.repository) },
      threads: { href: threads },
    },
  };
}
