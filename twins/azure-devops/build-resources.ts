/** The JSON of definitions, builds, timelines, logs and build policies, as REST 7.1 gives it. Pure. */
import { identityJson, projectApi, projectJson, remoteUrl } from './resources.ts';
import { countIssues, type TimelineRecord } from './timeline.ts';
import { azureTime, type Build, type Definition, type World } from './world.ts';

type Json = Record<string, unknown>;

export function definitionReference(world: World, definition: Definition): Json {
  return {
    drafts: [],
    id: definition.id,
    name: definition.name,
    url: `${projectApi(world)}/build/Definitions/${definition.id}?revision=1`,
    uri: `vstfs:///Build/Definition/${definition.id}`,
    path: '\\',
    type: 'build',
    queueStatus: 'enabled',
    revision: 1,
    project: projectJson(world),
  };
}

export function definitionJson(world: World, definition: Definition): Json {
  const repository = world.repositories.find((one) => one.id === definition.repositoryId);
  return {
    ...definitionReference(world, definition),
    _links: {
      self: { href: `${projectApi(world)}/build/Definitions/${definition.id}?revision=1` },
      web: { href: `${world.url}/${world.project.id}/_build/definition?definitionId=${definition.id}` },
    },
    quality: 'definition',
    authoredBy: identityJson(world, world.identities.developer),
    createdDate: azureTime(definition.createdAt),
    process: { yamlFilename: definition.yamlPath, type: 2 },
    queue: queueJson(),
    triggers: [
      {
        branchFilters: [],
        pathFilters: [],
        settingsSourceType: 2,
        batchChanges: false,
        maxConcurrentBuildsPerBranch: 1,
        triggerType: 'continuousIntegration',
      },
    ],
    ...(repository
      ? {
          repository: {
            id: repository.id,
            type: 'TfsGit',
            name: repository.name,
            url: remoteUrl(world, repository),
            defaultBranch: repository.defaultBranch,
            clean: null,
            checkoutSubmodules: false,
          },
        }
      : {}),
  };
}

function queueJson(): Json {
  return { id: 1, name: 'Azure Pipelines', pool: { id: 1, name: 'Azure Pipelines', isHosted: true } };
}

export function buildUrl(world: World, build: Build): string {
  return `${projectApi(world)}/build/Builds/${build.id}`;
}

export function buildWebUrl(world: World, build: Build): string {
  return `${world.url}/${world.project.id}/_build/results?buildId=${build.id}`;
}

/** Also the `resource` of a build.complete event of version 2.0. */
export function buildJson(world: World, build: Build): Json {
  const api = projectApi(world);
  const requestedBy = build.reason === 'manual' ? build.requestedFor : world.identities.system;
  return {
    _links: {
      self: { href: buildUrl(world, build) },
      web: { href: buildWebUrl(world, build) },
      sourceVersionDisplayUri: { href: `${api}/build/builds/${build.id}/sources` },
      timeline: { href: `${api}/build/builds/${build.id}/Timeline` },
      badge: { href: `${api}/build/status/${build.definition.id}` },
    },
    properties: {},
    tags: [],
    validationResults: [],
    plans: [{ planId: build.planId }],
    triggerInfo: build.triggerInfo,
    id: build.id,
    buildNumber: build.buildNumber,
    status: build.status,
    ...(build.result === undefined ? {} : { result: build.result }),
    queueTime: azureTime(build.queuedAt),
    ...(build.startedAt === undefined ? {} : { startTime: azureTime(build.startedAt) }),
    ...(build.finishedAt === undefined ? {} : { finishTime: azureTime(build.finishedAt) }),
    url: buildUrl(world, build),
    definition: definitionReference(world, build.definition),
    buildNumberRevision: Number(build.buildNumber.split('.').at(-1)),
    project: projectJson(world),
    uri: `vstfs:///Build/Build/${build.id}`,
    sourceBranch: build.sourceBranch,
    sourceVersion: build.sourceVersion,
    queue: queueJson(),
    priority: 'normal',
    reason: build.reason,
    requestedFor: identityJson(world, build.requestedFor),
    requestedBy: identityJson(world, requestedBy),
    lastChangedDate: azureTime(build.finishedAt ?? build.startedAt ?? build.queuedAt),
    lastChangedBy: identityJson(world, world.identities.system),
    ...(build.pullRequestId === undefined
      ? {}
      : {
          parameters: JSON.stringify({
            'system.pullRequest.pullRequestId': String(build.pullRequestId),
            'system.pullRequest.sourceBranch': `refs/heads/${build.triggerInfo['pr.sourceBranch'] ?? ''}`,
            'system.pullRequest.sourceCommitId': build.triggerInfo['pr.sourceSha'],
          }),
        }),
    orchestrationPlan: { planId: build.planId },
    logs: { id: 0, type: 'Container', url: `${api}/build/builds/${build.id}/logs` },
    repository: {
      id: build.repository.id,
      type: 'TfsGit',
      name: build.repository.name,
      url: remoteUrl(world, build.repository),
      clean: null,
      checkoutSubmodules: false,
    },
    retainedByRelease: false,
    triggeredByBuild: null,
    appendCommitMessageToRunName: true,
  };
}

export function timelineJson(world: World, build: Build): Json {
  const changed = build.records.map((record) => record.finishedAt ?? record.startedAt ?? build.queuedAt);
  return {
    records: build.records.map((record) => recordJson(world, build, record)),
    lastChangedBy: world.identities.system.id,
    lastChangedOn: azureTime(Math.max(build.queuedAt, ...changed)),
    id: build.timelineId,
    changeId: build.records.reduce((sum, record) => sum + record.changeId, 0),
    url: `${projectApi(world)}/build/builds/${build.id}/Timeline/${build.timelineId}`,
  };
}

function recordJson(world: World, build: Build, record: TimelineRecord): Json {
  const api = projectApi(world);
  return {
    previousAttempts: [],
    id: record.id,
    parentId: record.parentId,
    type: record.type,
    name: record.name,
    refName: record.refName,
    startTime: record.startedAt === undefined ? null : azureTime(record.startedAt),
    finishTime: record.finishedAt === undefined ? null : azureTime(record.finishedAt),
    currentOperation: null,
    percentComplete: null,
    state: record.state,
    result: record.result,
    resultCode: record.result === 'skipped' && record.type === 'Task' ? 'Evaluated: False' : null,
    changeId: record.changeId,
    lastModified: '0001-01-01T00:00:00',
    workerName: record.workerName,
    ...(record.type === 'Job' ? { queueId: 1 } : {}),
    order: record.order,
    details: null,
    errorCount: countIssues(record, 'error'),
    warningCount: countIssues(record, 'warning'),
    url: null,
    log:
      record.logId === undefined
        ? null
        : {
            id: record.logId,
            type: 'Container',
            url: `${api}/build/builds/${build.id}/logs/${record.logId}`,
          },
    task: record.task,
    attempt: 1,
    identifier: record.identifier,
    ...(record.issues.length > 0 ? { issues: record.issues } : {}),
  };
}

export function logJson(world: World, build: Build, logId: number): Json {
  const log = build.logs.find((one) => one.id === logId);
  return {
    lineCount: log?.lines.length ?? 0,
    createdOn: azureTime(log?.createdAt ?? build.queuedAt),
    lastChangedOn: azureTime(log?.changedAt ?? build.queuedAt),
    id: logId,
    type: 'Container',
    url: `${projectApi(world)}/build/builds/${build.id}/logs/${logId}`,
  };
}

const buildPolicyType = '0609b952-1397-4640-95ec-e00a01b2c241';

export function buildPolicyJson(world: World, definition: Definition): Json {
  const repository = world.repositories.find((one) => one.id === definition.repositoryId);
  const url = `${projectApi(world)}/policy/configurations/${definition.id}`;
  const typeUrl = `${projectApi(world)}/policy/types/${buildPolicyType}`;
  return {
    createdBy: identityJson(world, world.identities.developer),
    createdDate: azureTime(definition.createdAt),
    isEnabled: true,
    isBlocking: true,
    isDeleted: false,
    settings: {
      buildDefinitionId: definition.id,
      queueOnSourceUpdateOnly: true,
      manualQueueOnly: false,
      displayName: null,
      validDuration: 720,
      scope: [
        {
          refName: repository?.defaultBranch ?? null,
          matchKind: 'Exact',
          repositoryId: definition.repositoryId,
        },
      ],
    },
    isEnterpriseManaged: false,
    _links: { self: { href: url }, policyType: { href: typeUrl } },
    revision: 1,
    id: definition.id,
    url,
    type: { id: buildPolicyType, url: typeUrl, displayName: 'Build' },
  };
}
