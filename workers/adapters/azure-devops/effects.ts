import type { Effect, EffectKind } from '../../../core/loops/effects.ts';
import type { PipelineEvent } from '../../../core/loops/pipeline-recovery/events.ts';
import { azureDevOpsSettings, type Env } from '../../env.ts';
import { SubjectCollector, type SubjectTexts } from '../../subjects.ts';
import { fetchBuildFacts } from './build-facts.ts';
import { listBuilds } from './builds.ts';
import { type AzureDevOps, azureDevOpsClient, pathOf } from './client.ts';
import { collectEvidence } from './evidence.ts';
import { abandonPullRequest, completePullRequest, createPullRequest } from './pull-requests.ts';

/** What comes back from an effect: a new event, or nothing; and the personal texts it refers to. */
export interface EffectAnswer {
  event: PipelineEvent | null;
  subjects: SubjectTexts;
}

type EffectOf<Kind extends EffectKind> = Extract<Effect, { kind: Kind }>;
type DataOf<Kind extends EffectKind> = EffectOf<Kind>['data'];

export type AzureEffect = EffectOf<
  | 'collect_evidence'
  | 'open_pull_request'
  | 'complete_pull_request'
  | 'abandon_pull_request'
  | 'look_for_builds'
>;

/** Builds looked at for a verification: the newest of a branch. */
const MAX_SEEN_BUILDS = 10;

/**
 * Performs one effect on Azure DevOps; safe to repeat. Throws AzureDevOpsError, or SettingError where the
 * Worker was not told how to reach it. Texts in the effect have their tokens resolved already.
 */
export async function performAzureEffect(env: Env, effect: AzureEffect): Promise<EffectAnswer> {
  const api = azureDevOpsClient(azureDevOpsSettings(env));
  switch (effect.kind) {
    case 'collect_evidence':
      return lookIntoBuild(api, env.ARTIFACTS, effect.data);
    case 'open_pull_request':
      return openPullRequest(api, effect.data);
    case 'complete_pull_request':
      return complete(api, effect.data);
    case 'abandon_pull_request':
      return abandon(api, effect.data, effect.key);
    case 'look_for_builds':
      return lookForBuilds(api, effect.data);
  }
}

async function lookIntoBuild(
  api: AzureDevOps,
  bucket: R2Bucket,
  { project, build }: DataOf<'collect_evidence'>,
): Promise<EffectAnswer> {
  const subjects = new SubjectCollector();
  const evidence = await collectEvidence(api, bucket, project, build, subjects);
  return { event: { type: 'evidence_collected', data: evidence }, subjects: subjects.texts };
}

async function openPullRequest(api: AzureDevOps, data: DataOf<'open_pull_request'>): Promise<EffectAnswer> {
  const { project, repository, source, target, title, description, commit } = data;
  const opened = await createPullRequest(api, project, repository, { source, target, title, description });
  const event: PipelineEvent = {
    type: 'pull_request_opened',
    data: {
      pullRequest: opened.pullRequestId,
      url: api.url + pathOf(project, '_git', repository, 'pullrequest', opened.pullRequestId),
      commit: opened.lastMergeSourceCommit?.commitId ?? commit,
      source,
    },
  };
  return { event, subjects: {} };
}

async function complete(api: AzureDevOps, data: DataOf<'complete_pull_request'>): Promise<EffectAnswer> {
  const { project, repository, pullRequest, commit } = data;
  const completion = await completePullRequest(api, project, repository, pullRequest, commit);
  return {
    event: { type: 'pull_request_completed', data: { pullRequest, ...completion } },
    subjects: {},
  };
}

async function abandon(
  api: AzureDevOps,
  { project, repository, pullRequest, comment }: DataOf<'abandon_pull_request'>,
  key: string,
): Promise<EffectAnswer> {
  await abandonPullRequest(api, project, repository, pullRequest, comment, key);
  return { event: null, subjects: {} };
}

async function lookForBuilds(
  api: AzureDevOps,
  { project, definition, ref, minBuild }: DataOf<'look_for_builds'>,
): Promise<EffectAnswer> {
  const subjects = new SubjectCollector();
  const found = await listBuilds(api, project, {
    definition,
    branch: ref,
    status: 'all',
    top: MAX_SEEN_BUILDS,
  });
  const builds = [];
  for (const build of found.filter((one) => one.id > minBuild)) {
    const facts = await fetchBuildFacts(api, build, subjects);
    builds.push({ ...facts, result: build.result, status: build.status });
  }
  return { event: { type: 'builds_seen', data: { ref, builds } }, subjects: subjects.texts };
}
