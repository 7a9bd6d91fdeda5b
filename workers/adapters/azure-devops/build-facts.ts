import type { BuildFacts } from '../../../core/loops/pipeline-recovery/events.ts';
import type { SubjectCollector } from '../../subjects.ts';
import { type Build, getRepository } from './builds.ts';
import type { AzureDevOps } from './client.ts';
import { AzureDevOpsError } from './error.ts';
import { getPullRequest, type PullRequest } from './pull-requests.ts';

const PULL_REF = /^refs\/pull\/(\d+)\/(?:merge|head)$/;

/** The pull request that a ref belongs to; null for a branch. */
export function pullRequestOfRef(ref: string): number | null {
  const match = PULL_REF.exec(ref);
  return match?.[1] ? Number(match[1]) : null;
}

/** What the API says of a build, its repository and its pull request, as the loop wants it. */
export async function fetchBuildFacts(
  api: AzureDevOps,
  build: Build,
  subjects: SubjectCollector,
): Promise<BuildFacts> {
  const project = build.project.name;
  const ref = build.sourceBranch ?? '';
  const repository = await getRepository(api, project, build.repository.id);
  if (!repository)
    throw new AzureDevOpsError(
      `repository ${build.repository.id} of build ${build.id} is not in ${project}`,
      {
        status: 404,
        retryable: false,
      },
    );
  const number = pullRequestOfRef(ref);
  const pullRequest =
    number === null ? null : await getPullRequest(api, project, build.repository.id, number);
  return buildFactsOf(build, {
    organisation: api.organisation,
    url: api.url,
    repository: repository.name,
    defaultBranch: repository.defaultBranch ?? 'refs/heads/main',
    pullRequest,
    requestedFor: await subjects.ref(build.requestedFor?.displayName ?? build.requestedFor?.uniqueName),
  });
}

export function buildFactsOf(
  build: Build,
  known: {
    organisation: string;
    /** The organisation's address, as configured. */
    url: string;
    repository: string;
    defaultBranch: string;
    pullRequest: PullRequest | null;
    requestedFor: BuildFacts['requestedFor'];
  },
): BuildFacts {
  const { pullRequest } = known;
  return {
    organisation: known.organisation,
    project: build.project.name,
    definition: build.definition.id,
    definitionName: build.definition.name ?? `pipeline ${build.definition.id}`,
    repository: known.repository,
    build: build.id,
    buildNumber: build.buildNumber ?? String(build.id),
    url: `${known.url}/${encodeURIComponent(build.project.name)}/_build/results?buildId=${build.id}`,
    ref: build.sourceBranch ?? '',
    commit: build.sourceVersion ?? '',
    reason: build.reason ?? '',
    finishedAt: timeOf(build.finishTime),
    pullRequest: pullRequest && {
      id: pullRequest.pullRequestId,
      source: pullRequest.sourceRefName,
      target: pullRequest.targetRefName,
      // What was built, not where the branch is now; the two differ when somebody pushed meanwhile.
      commit: build.triggerInfo?.['pr.sourceSha'] ?? pullRequest.lastMergeSourceCommit?.commitId ?? '',
    },
    defaultBranch: known.defaultBranch,
    requestedFor: known.requestedFor,
  };
}

function timeOf(text: string | null | undefined): number {
  const time = text ? Date.parse(text) : Number.NaN;
  return Number.isNaN(time) ? 0 : time;
}
