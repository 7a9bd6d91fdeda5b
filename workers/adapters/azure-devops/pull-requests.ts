import { z } from 'zod';
import { type AzureDevOps, pathOf } from './client.ts';
import { AzureDevOpsError } from './error.ts';

const commitRef = z.object({ commitId: z.string() }).nullish();

export const pullRequestSchema = z.object({
  pullRequestId: z.number().int(),
  status: z.string().transform((text) => text.toLowerCase()),
  mergeStatus: z.string().nullish(),
  mergeFailureMessage: z.string().nullish(),
  sourceRefName: z.string(),
  targetRefName: z.string(),
  closedDate: z.string().nullish(),
  lastMergeSourceCommit: commitRef,
  lastMergeCommit: commitRef,
  repository: z.object({
    id: z.string(),
    name: z.string().nullish(),
    project: z.object({ id: z.string(), name: z.string() }).nullish(),
  }),
});
export type PullRequest = z.infer<typeof pullRequestSchema>;

const root = (project: string, repository: string) =>
  pathOf(project, '_apis', 'git', 'repositories', repository, 'pullrequests');

export function getPullRequest(
  api: AzureDevOps,
  project: string,
  repository: string,
  pullRequest: number,
): Promise<PullRequest | null> {
  return api.find(root(project, repository) + pathOf(pullRequest), pullRequestSchema);
}

/** By number alone: a number is unique within a project's organisation. */
export function findPullRequestById(
  api: AzureDevOps,
  project: string,
  pullRequest: number,
): Promise<PullRequest | null> {
  return api.find(pathOf(project, '_apis', 'git', 'pullrequests', pullRequest), pullRequestSchema);
}

export async function findPullRequestBySource(
  api: AzureDevOps,
  project: string,
  repository: string,
  source: string,
  target: string,
): Promise<PullRequest | null> {
  const found = await api.get(root(project, repository), z.object({ value: z.array(pullRequestSchema) }), {
    'searchCriteria.sourceRefName': source,
    'searchCriteria.targetRefName': target,
    'searchCriteria.status': 'all',
    $top: '20',
  });
  const same = found.value.filter((one) => one.sourceRefName === source && one.targetRefName === target);
  return same.find((one) => one.status === 'active') ?? same[0] ?? null;
}

export interface NewPullRequest {
  source: string;
  target: string;
  title: string;
  description: string;
}

/** Opens a pull request, or finds the one that is there already: safe to repeat. */
export async function createPullRequest(
  api: AzureDevOps,
  project: string,
  repository: string,
  wanted: NewPullRequest,
): Promise<PullRequest> {
  const existing = await findPullRequestBySource(api, project, repository, wanted.source, wanted.target);
  if (existing) return existing;
  try {
    return await api.send('POST', root(project, repository), pullRequestSchema, {
      sourceRefName: wanted.source,
      targetRefName: wanted.target,
      title: wanted.title,
      // The limit of the API for a description.
      description: wanted.description.slice(0, 4_000),
    });
  } catch (error) {
    // Somebody was faster between the look and the call.
    if (!(error instanceof AzureDevOpsError) || error.status !== 409) throw error;
    const found = await findPullRequestBySource(api, project, repository, wanted.source, wanted.target);
    if (found) return found;
    throw error;
  }
}

export type Completion =
  | { outcome: 'completed'; mergeCommit: string | null }
  | { outcome: 'refused'; code: 'source_moved' | 'conflicts' | 'policy' | 'abandoned'; reason: string };

/** The merge happens after the answer: it is looked for this often, this far apart, before a later try takes over. */
const LOOKS = 8;
const LOOK_EVERY_MS = 700;

/**
 * Completes a pull request at exactly `commit`. A refusal is a value; a merge that is still running when the
 * looks are used up is a retryable AzureDevOpsError, and calling again goes on from there.
 */
export async function completePullRequest(
  api: AzureDevOps,
  project: string,
  repository: string,
  pullRequest: number,
  commit: string,
  wait: (ms: number) => Promise<void> = (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
): Promise<Completion> {
  const path = root(project, repository) + pathOf(pullRequest);
  let current = await api.get(path, pullRequestSchema);
  const before = endOf(current, commit);
  if (before) return before;
  try {
    current = await api.send('PATCH', path, pullRequestSchema, {
      status: 'completed',
      lastMergeSourceCommit: { commitId: commit },
      completionOptions: { deleteSourceBranch: true },
    });
  } catch (error) {
    const refused = refusalOf(error);
    if (refused) return refused;
    throw error;
  }
  for (let look = 0; look < LOOKS; look++) {
    const end = endOf(current, commit);
    if (end) return end;
    await wait(LOOK_EVERY_MS);
    current = await api.get(path, pullRequestSchema);
  }
  throw new AzureDevOpsError(`pull request ${pullRequest} is still being merged`, {
    status: null,
    retryable: true,
    retryAfterMs: 5_000,
  });
}

function endOf(current: PullRequest, commit: string): Completion | null {
  if (current.status === 'completed')
    return { outcome: 'completed', mergeCommit: current.lastMergeCommit?.commitId ?? null };
  if (current.status === 'abandoned')
    return { outcome: 'refused', code: 'abandoned', reason: 'the pull request was abandoned' };
  const source = current.lastMergeSourceCommit?.commitId;
  if (source !== undefined && source !== commit)
    return { outcome: 'refused', code: 'source_moved', reason: `the source branch is at ${source} now` };
  const merge = current.mergeStatus?.toLowerCase();
  if (merge === 'conflicts')
    return { outcome: 'refused', code: 'conflicts', reason: 'the branches have conflicts' };
  if (merge === 'rejectedbypolicy')
    return {
      outcome: 'refused',
      code: 'policy',
      reason: current.mergeFailureMessage ?? 'a branch policy refused the merge',
    };
  return null;
}

function refusalOf(error: unknown): Completion | null {
  if (!(error instanceof AzureDevOpsError) || error.status === null || error.retryable) return null;
  const about = `${error.typeKey ?? ''} ${error.message}`;
  if (/policy|TF402455|TF401027/i.test(about))
    return { outcome: 'refused', code: 'policy', reason: error.message };
  if (/conflict/i.test(error.typeKey ?? '') || /has conflicts|merge conflict/i.test(error.message))
    return { outcome: 'refused', code: 'conflicts', reason: error.message };
  if (error.status === 409) return { outcome: 'refused', code: 'source_moved', reason: error.message };
  return error.status === 403 ? { outcome: 'refused', code: 'policy', reason: error.message } : null;
}

/** Abandons an active pull request, saying why first; one that is closed already is left alone. */
export async function abandonPullRequest(
  api: AzureDevOps,
  project: string,
  repository: string,
  pullRequest: number,
  comment: string,
  marker: string,
): Promise<void> {
  const current = await getPullRequest(api, project, repository, pullRequest);
  if (current?.status !== 'active') return;
  await commentOnPullRequest(api, project, repository, pullRequest, comment, marker);
  await api.send('PATCH', root(project, repository) + pathOf(pullRequest), pullRequestSchema, {
    status: 'abandoned',
  });
}

const threadsSchema = z.object({
  value: z.array(z.object({ comments: z.array(z.object({ content: z.string().nullish() })).nullish() })),
});

/** Comments once: `marker` is hidden in the comment and looked for before. */
export async function commentOnPullRequest(
  api: AzureDevOps,
  project: string,
  repository: string,
  pullRequest: number,
  text: string,
  marker: string,
): Promise<void> {
  const path = `${root(project, repository)}${pathOf(pullRequest)}/threads`;
  const hidden = `<!-- dogwatch:${marker} -->`;
  const threads = await api.get(path, threadsSchema);
  const said = threads.value.some((thread) =>
    thread.comments?.some((comment) => comment.content?.includes(hidden)),
  );
  if (said) return;
  await api.send('POST', path, z.unknown(), {
    comments: [{ parentCommentId: 0, content: `${text}\n\n${hidden}`, commentType: 'text' }],
    status: 'active',
  });
}
