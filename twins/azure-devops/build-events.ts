/** Service-hook events of builds, runs and stages in Microsoft's shapes. Pure. */

import { buildJson, buildUrl, buildWebUrl, definitionReference } from './build-resources.ts';
import { eventTypes, type HookEvent, linked, wording } from './hook-event.ts';
import { identityJson, projectApi } from './resources.ts';
import type { TimelineRecord } from './timeline.ts';
import { azureTime, type Build, type World } from './world.ts';

type Json = Record<string, unknown>;

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
