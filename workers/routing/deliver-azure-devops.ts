import { derivedId } from '../../core/contracts/ids.ts';
import type { PipelineEvent } from '../../core/loops/pipeline-recovery/events.ts';
import { parseFixBranch } from '../../core/loops/pipeline-recovery/key.ts';
import { sha256Bytes } from '../../durable-objects/shared/journal.ts';
import { groupQueueStub, incidentStub } from '../../durable-objects/stubs.ts';
import { fetchBuildFacts } from '../adapters/azure-devops/build-facts.ts';
import { type Build, getBuild } from '../adapters/azure-devops/builds.ts';
import { type AzureDevOps, azureDevOpsClient } from '../adapters/azure-devops/client.ts';
import {
  findPullRequestById,
  getPullRequest,
  type PullRequest,
} from '../adapters/azure-devops/pull-requests.ts';
import { azureDevOpsSettings, type Env } from '../env.ts';
import type { AzureDevOpsEvent } from '../intake/azure-devops/parse.ts';
import { SubjectCollector, type SubjectTexts } from '../subjects.ts';
import { addressOfBuild, buildEvent, decideBuildVerdict } from './decide-build.ts';
import { buildEventId, incidentIdOf } from './event-ids.ts';
import type { Delivered } from './inbox-event.ts';
import { resolveProject } from './projects.ts';

/** What an event of Azure DevOps comes to: a thing for an incident, or an end right here. */
export type Resolution =
  | { kind: 'end'; delivered: Delivered; note: string | null }
  | {
      kind: 'incident';
      incident: string;
      /** Null: only an incident that exists may get it. */
      key: string | null;
      id: string;
      event: PipelineEvent;
      subjects: SubjectTexts;
    };

const end = (status: Delivered['status'], reason: string, note: string | null = null): Resolution => ({
  kind: 'end',
  delivered: { status, target: null, reason },
  note,
});

/**
 * Asks the API what a hook is about and decides where it goes. Writes nothing. Throws AzureDevOpsError or
 * SettingError.
 */
export async function resolveAzureDevOps(
  env: Env,
  event: { id: string; payload: AzureDevOpsEvent },
): Promise<Resolution> {
  const api = azureDevOpsClient(azureDevOpsSettings(env));
  const { payload } = event;
  const answer = await resolveProject(api, payload.project);
  if (!answer.ok) return end('refused', answer.reason);
  switch (payload.kind) {
    case 'push':
      return end('ignored', 'pushes are recorded; the build they cause is what counts');
    case 'build':
      return resolveBuild(api, answer.project, payload.build);
    case 'pull_request':
      return resolvePullRequest(api, answer.project, event.id, payload);
  }
}

async function resolveBuild(api: AzureDevOps, project: string, id: number): Promise<Resolution> {
  const build = await getBuild(api, project, id);
  if (!build)
    return end(
      'closed',
      'unknown build',
      `A hook told of build ${id} in ${project}, but Azure DevOps knows no such build. Nothing was started.`,
    );
  const verdict = decideBuildVerdict(build);
  if (verdict.kind === 'ignore') return end('ignored', verdict.reason);
  if (isElsewhere(build))
    return end('ignored', `the code of pipeline ${build.definition.id} is not in Azure Repos`);
  const subjects = new SubjectCollector();
  const facts = await fetchBuildFacts(api, build, subjects);
  const address = addressOfBuild(facts);
  return {
    kind: 'incident',
    incident: address.kind === 'own' ? address.incident : incidentIdOf(address.key),
    key: address.kind === 'branch' && verdict.type === 'build_failed' ? address.key : null,
    id: buildEventId(api.organisation, { ...facts, id: build.id, result: build.result }),
    event: buildEvent(verdict.type, build.result, facts),
    subjects: subjects.texts,
  };
}

const isElsewhere = (build: Build): boolean => {
  const type = build.repository.type?.toLowerCase();
  return type !== undefined && type !== 'tfsgit';
};

async function resolvePullRequest(
  api: AzureDevOps,
  project: string,
  id: string,
  told: { repository: string | null; pullRequest: number },
): Promise<Resolution> {
  const found =
    told.repository === null
      ? await findPullRequestById(api, project, told.pullRequest)
      : await getPullRequest(api, project, told.repository, told.pullRequest);
  if (!found) return end('closed', 'unknown pull request');
  const fix = parseFixBranch(found.sourceRefName);
  if (!fix) return end('ignored', 'not a pull request of Dogwatch');
  const event = pullRequestEvent(found);
  if (!event) return end('ignored', `the pull request is ${found.status}`);
  return { kind: 'incident', incident: fix.incident, key: null, id, event, subjects: {} };
}

/** `merged` in a hook means that a merge was tried; only a closed, completed pull request is merged. */
function pullRequestEvent(found: PullRequest): PipelineEvent | null {
  const { status } = found;
  if (status !== 'active' && status !== 'completed' && status !== 'abandoned') return null;
  const closedAt = found.closedDate ? Date.parse(found.closedDate) : Number.NaN;
  if (status === 'completed' && Number.isNaN(closedAt)) return null;
  return {
    type: 'pull_request_changed',
    data: {
      pullRequest: found.pullRequestId,
      status,
      sourceCommit: found.lastMergeSourceCommit?.commitId ?? '',
      mergeCommit: status === 'completed' ? (found.lastMergeCommit?.commitId ?? null) : null,
      closedAt: Number.isNaN(closedAt) ? null : closedAt,
    },
  };
}

/** Hands a resolved event on. Safe to repeat: incidents and group queues know what they have seen. */
export async function deliverAzureDevOps(
  env: Env,
  event: { id: string; payload: AzureDevOpsEvent },
  nowMs: number,
): Promise<Delivered> {
  const resolution = await resolveAzureDevOps(env, event);
  if (resolution.kind === 'end') {
    if (resolution.note !== null) await noteForRyan(env, event.id, resolution.note, nowMs);
    return resolution.delivered;
  }
  const { incident, ...received } = resolution;
  const { status } = await incidentStub(env, incident).receive({
    id: received.id,
    key: received.key,
    at: nowMs,
    event: received.event,
    subjects: received.subjects,
  });
  if (status === 'unknown') return { status: 'ignored', target: null, reason: 'no incident is open for it' };
  return {
    status: 'delivered',
    target: incident,
    reason: status === 'duplicate' ? 'the incident knew it already' : null,
  };
}

async function noteForRyan(env: Env, eventId: string, text: string, nowMs: number): Promise<void> {
  await groupQueueStub(env, 'ryan').enqueue({
    id: derivedId('msg', sha256Bytes(`note\n${eventId}`)),
    group: 'ryan',
    thread: 'main',
    from: 'dogwatch',
    text,
    turn: false,
    incident: null,
    at: nowMs,
  });
}
