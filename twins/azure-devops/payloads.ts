/** Service-hook events in Microsoft's shapes. Pure; one event may be worded in two resource versions. */
import type { GitCommit } from './git.ts';
import { commentJson, pullRequestJson, pullRequestUrl, pullRequestWebUrl } from './pull-request-resources.ts';
import {
  buildJson,
  buildUrl,
  buildWebUrl,
  definitionReference,
  identityJson,
  projectApi,
  remoteUrl,
  repositoryJson,
  repositoryUrl,
} from './resources.ts';
import type { TimelineRecord } from './timeline.ts';
import {
  azureTime,
  type Build,
  guidFrom,
  type Identity,
  type PullRequest,
  type PullRequestThread,
  type Push,
  type Repository,
  type World,
} from './world.ts';

type Json = Record<string, unknown>;
type Message = { text: string; html: string; markdown: string };

/** An event before it is addressed: `resource` words it for the version a subscription asks for. */
export type HookEvent = {
  eventType: string;
  message: Message;
  detailedMessage: Message;
  /** Newest last. A subscription without version gets the newest. */
  versions: { version: string; resource: Json }[];
  /** What publisher inputs of a subscription are compared with. */
  filters: Record<string, string>;
};

export const eventTypes = {
  buildComplete: 'build.complete',
  runState: 'ms.vss-pipelines.run-state-changed-event',
  stageState: 'ms.vss-pipelines.stage-state-changed-event',
  push: 'git.push',
  pullRequestCreated: 'git.pullrequest.created',
  pullRequestUpdated: 'git.pullrequest.updated',
  pullRequestMerged: 'git.pullrequest.merged',
  pullRequestComment: 'ms.vss-code.git-pullrequest-comment-event',
} as const;

export function publisherOf(eventType: string): string {
  return eventType.startsWith('ms.vss-pipelines.') ? 'pipelines' : 'tfs';
}

/** The body of one notification. A version is matched by its leading number: `1.0-preview.1` asks for 1.0. */
export function notificationBody(
  world: World,
  event: HookEvent,
  envelope: {
    id: string;
    subscriptionId: string;
    notificationId: number;
    resourceVersion: string;
    at: number;
  },
): Json {
  const major = Number.parseFloat(envelope.resourceVersion);
  const chosen =
    event.versions.find((one) => Number.parseFloat(one.version) === major) ?? event.versions.at(-1);
  const account = { id: guidFrom(`account/${world.organisation}`), baseUrl: `${world.url}/` };
  return {
    subscriptionId: envelope.subscriptionId,
    notificationId: envelope.notificationId,
    id: envelope.id,
    eventType: event.eventType,
    publisherId: publisherOf(event.eventType),
    message: event.message,
    detailedMessage: event.detailedMessage,
    resource: chosen?.resource,
    resourceVersion: chosen?.version,
    resourceContainers: {
      collection: { ...account, id: guidFrom(`collection/${world.organisation}`) },
      account,
      project: { id: world.project.id, baseUrl: `${world.url}/` },
    },
    createdDate: azureTime(envelope.at),
  };
}

export function buildCompleteEvent(world: World, build: Build): HookEvent {
  const result = build.result ?? 'none';
  const message = linked('Build ', build.buildNumber, ` ${wording(result)}`, buildWebUrl(world, build));
  return {
    eventType: eventTypes.buildComplete,
    message,
    detailedMessage: message,
    versions: [
      { version: '1.0', resource: buildResourceV1(world, build) },
      { version: '2.0', resource: buildJson(world, build) },
    ],
    filters: {
      buildStatus: result,
      definitionName: build.definition.name,
      repository: build.repository.id,
      branch: build.sourceBranch,
    },
  };
}

/** The old wording: the outcome stands in `status`, the commit only in `sourceGetVersion`. */
function buildResourceV1(world: World, build: Build): Json {
  const api = projectApi(world);
  const container = `${api}/resources/Containers/${build.id}`;
  const file = (what: string): Json => ({
    type: 'container',
    url: `${container}/${what}`,
    downloadUrl: `${container}/${what}?api-version=1.0&$format=zip&downloadFileName=${build.buildNumber}_${what}`,
  });
  return {
    uri: `vstfs:///Build/Build/${build.id}`,
    id: build.id,
    buildNumber: build.buildNumber,
    url: buildUrl(world, build),
    startTime: azureTime(build.startedAt ?? build.queuedAt),
    finishTime: azureTime(build.finishedAt ?? build.queuedAt),
    reason: build.reason,
    status: build.result === 'canceled' ? 'stopped' : build.result,
    dropLocation: `#/${build.id}/drop`,
    drop: { location: `#/${build.id}/drop`, ...file('drop') },
    log: file('logs'),
    sourceGetVersion: `LG:${build.sourceBranch}:${build.sourceVersion}`,
    lastChangedBy: identityJson(world, world.identities.system),
    retainIndefinitely: false,
    hasDiagnostics: true,
    definition: {
      batchSize: 1,
      triggerType: 'none',
      definitionType: 'build',
      id: build.definition.id,
      name: build.definition.name,
      url: definitionReference(world, build.definition).url,
    },
    queue: { queueType: 'agentPool', id: 1, name: 'Azure Pipelines', url: `${api}/build/Queues/1` },
    requests: [
      {
        id: build.id,
        url: `${api}/build/Requests/${build.id}`,
        requestedFor: identityJson(world, build.requestedFor),
      },
    ],
  };
}

function pipelineReference(world: World, build: Build): Json {
  return {
    url: `${projectApi(world)}/Pipelines/${build.definition.id}?revision=1`,
    id: build.definition.id,
    revision: 1,
    name: build.definition.name,
    folder: '\\',
  };
}

function runReference(world: World, build: Build): Json {
  const api = projectApi(world);
  return {
    _links: {
      self: { href: `${api}/Pipelines/${build.definition.id}/runs/${build.id}` },
      web: { href: buildWebUrl(world, build) },
      'pipeline.web': {
        href: `${world.url}/${world.project.id}/_build/definition?definitionId=${build.definition.id}`,
      },
      pipeline: { href: `${api}/Pipelines/${build.definition.id}?revision=1` },
    },
    pipeline: pipelineReference(world, build),
    state: build.status === 'completed' ? 'completed' : 'inProgress',
    ...(build.result === undefined ? {} : { result: runResult(build.result) }),
    createdDate: azureTime(build.queuedAt),
    ...(build.finishedAt === undefined ? {} : { finishedDate: azureTime(build.finishedAt) }),
    url: `${api}/Pipelines/${build.definition.id}/runs/${build.id}`,
    id: build.id,
    name: build.buildNumber,
  };
}

/** Pipelines know no partial success: its runs call it succeeded. */
function runResult(result: string): string {
  return result === 'partiallySucceeded' ? 'succeeded' : result;
}

export function runStateEvent(world: World, build: Build): HookEvent {
  const word = build.status === 'completed' ? wording(runResult(build.result ?? 'succeeded')) : 'in progress';
  const message = linked('Run ', build.buildNumber, ` ${word}.`, buildWebUrl(world, build));
  return {
    eventType: eventTypes.runState,
    message,
    detailedMessage: message,
    versions: [
      {
        version: '5.1-preview.1',
        resource: { run: runReference(world, build), pipeline: pipelineReference(world, build) },
      },
    ],
    filters: {
      pipelineId: String(build.definition.id),
      runStateId: build.status === 'completed' ? 'Completed' : 'InProgress',
    },
  };
}

export function stageStateEvent(world: World, build: Build, stage: TimelineRecord): HookEvent {
  const state = stage.state === 'completed' ? 'completed' : 'running';
  const word = stage.state === 'completed' ? wording(stage.result ?? 'succeeded') : 'running';
  const message = linked(
    `Run ${build.buildNumber} stage `,
    stage.name,
    ` ${word}.`,
    buildWebUrl(world, build),
  );
  const run = runReference(world, build);
  return {
    eventType: eventTypes.stageState,
    message,
    detailedMessage: message,
    versions: [
      {
        version: '5.1-preview.1',
        resource: {
          stage: {
            _links: {
              web: { href: buildWebUrl(world, build) },
              'pipeline.web': {
                href: `${world.url}/${world.project.id}/_build/definition?definitionId=${build.definition.id}`,
              },
            },
            id: stage.id,
            name: stage.identifier,
            displayName: stage.identifier === '__default' ? null : stage.name,
            state,
            ...(stage.result === null ? {} : { result: stage.result }),
          },
          run: { ...run, _links: undefined, url: undefined },
          pipeline: pipelineReference(world, build),
        },
      },
    ],
    filters: { pipelineId: String(build.definition.id) },
  };
}

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

function wording(result: string): string {
  const words: Record<string, string> = {
    partiallySucceeded: 'partially succeeded',
    succeededWithIssues: 'partially succeeded',
  };
  return words[result] ?? result;
}

function linked(before: string, name: string, after: string, url: string): Message {
  return {
    text: `${before}${name}${after}`,
    html: `${escapeHtml(before)}<a href="${escapeHtml(url)}">${escapeHtml(name)}</a>${escapeHtml(after)}`,
    markdown: `${before}[${name}](${url})${after}`,
  };
}

function plain(text: string): Message {
  return { text, html: escapeHtml(text), markdown: text };
}

function escapeHtml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}
