import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { AzureDevopsTwin } from './index.ts';
import {
  type Answer,
  addTinyRepository,
  brokenSum,
  call,
  itemsOf,
  startTwin,
  tinyFiles,
} from './test-support.ts';

let twin: AzureDevopsTwin;
let repositoryId: string;
let fixHead: string;

beforeEach(async () => {
  twin = await startTwin();
  repositoryId = await addTinyRepository(twin);
  await twin.commit({ repository: 'tiny', branch: 'main', message: 'Subtract', files: brokenSum });
  fixHead = await pushFix('Mend');
});
afterEach(() => twin.close());

function pushFix(message: string, content = tinyFiles['sum.mjs'] ?? ''): Promise<string> {
  return twin.commit({ repository: 'tiny', branch: 'fix/ci-1', message, files: { 'sum.mjs': content } });
}

const api = (): string => `/shop/_apis/git/repositories/${repositoryId}/pullrequests`;

function open(): Promise<Answer> {
  const body = {
    sourceRefName: 'refs/heads/fix/ci-1',
    targetRefName: 'refs/heads/main',
    title: 'Mend the sum',
    description: 'It subtracted.',
  };
  return call(twin, api(), { method: 'POST', body });
}

function complete(commitId: string, completionOptions: Record<string, unknown> = {}): Promise<Answer> {
  const body = { status: 'completed', lastMergeSourceCommit: { commitId }, completionOptions };
  return call(twin, `${api()}/1`, { method: 'PATCH', body });
}

describe('a pull request', () => {
  it('is built at its real merge commit, completed, and the default branch is built after', async () => {
    const made = await open();
    expect(made.status).toBe(201);
    expect(made.body).toMatchObject({
      pullRequestId: 1,
      status: 'active',
      mergeStatus: 'succeeded',
      lastMergeSourceCommit: { commitId: fixHead },
    });
    await twin.idle();
    const prBuild = twin.builds().at(-1);
    expect(prBuild).toMatchObject({
      reason: 'pullRequest',
      result: 'succeeded',
      sourceBranch: 'refs/pull/1/merge',
      sourceVersion: (made.body.lastMergeCommit as { commitId: string }).commitId,
    });
    const done = await complete(fixHead, { deleteSourceBranch: true });
    expect(done.body).toMatchObject({ status: 'completed', mergeStatus: 'succeeded' });
    expect(done.body.closedDate).toBeTypeOf('string');
    await twin.idle();
    const after = twin.builds().at(-1);
    expect(after).toMatchObject({
      reason: 'individualCI',
      result: 'succeeded',
      sourceBranch: 'refs/heads/main',
      sourceVersion: await twin.head('tiny', 'main'),
    });
    expect(await twin.head('tiny', 'fix/ci-1')).toBeUndefined();
    const [merge] = itemsOf(
      await call(twin, `/shop/_apis/git/repositories/tiny/commits?searchCriteria.itemVersion.version=main`),
    );
    expect(merge?.comment).toBe('Merged PR 1: Mend the sum');
  });

  it('is not completed at a commit that is no longer its head', async () => {
    await open();
    const newer = await pushFix('Mend more', 'export const sum = (a, b) => b + a;\n');
    const refused = await complete(fixHead);
    expect(refused.status).toBe(409);
    expect(refused.body.typeKey).toBe('GitPullRequestStaleException');
    await twin.idle();
    expect(twin.builds().filter((build) => build.pullRequestId === 1)).toHaveLength(2);
    expect((await complete(newer)).status).toBe(200);
  });

  it('is not completed before its build is green', async () => {
    const red = await pushFix('Worse', 'export const sum = () => 0;\n');
    await open();
    expect((await complete(red)).status).toBe(403);
    await twin.idle();
    const refused = await complete(red);
    expect(refused.body.typeKey).toBe('GitPullRequestUpdateRejectedByPolicyException');
    expect((await complete(red, { bypassPolicy: true })).status).toBe(200);
  });

  it('exists once per pair of branches, is listed, commented and abandoned', async () => {
    await open();
    expect((await open()).body.typeKey).toBe('GitPullRequestExistsException');
    const search = `${api()}?searchCriteria.sourceRefName=refs/heads/fix/ci-1&searchCriteria.status=active`;
    expect(itemsOf(await call(twin, search))).toHaveLength(1);
    const thread = { comments: [{ parentCommentId: 0, content: 'Looks right', commentType: 1 }], status: 1 };
    expect((await call(twin, `${api()}/1/threads`, { method: 'POST', body: thread })).status).toBe(200);
    const [read] = itemsOf(await call(twin, `${api()}/1/threads`));
    expect(read).toMatchObject({ status: 'active', comments: [{ content: 'Looks right' }] });
    await call(twin, `${api()}/1`, { method: 'PATCH', body: { status: 'abandoned' } });
    expect(itemsOf(await call(twin, search))).toHaveLength(0);
    expect((await call(twin, `${api()}/1`)).body.status).toBe('abandoned');
  });

  it('says so when it conflicts', async () => {
    await twin.commit({
      repository: 'tiny',
      branch: 'main',
      message: 'Other',
      files: { 'sum.mjs': 'other\n' },
    });
    const made = await open();
    expect(made.body.mergeStatus).toBe('conflicts');
    expect(twin.builds().some((build) => build.reason === 'pullRequest')).toBe(false);
  });
});

describe('the rest of Git by REST', () => {
  it('reads repositories, refs, commits, items and policies', async () => {
    const base = `/shop/_apis/git/repositories/${repositoryId}`;
    expect((await call(twin, '/shop/_apis/git/repositories/tiny')).body).toMatchObject({
      id: repositoryId,
      defaultBranch: 'refs/heads/main',
      project: { name: 'shop' },
      remoteUrl: `${twin.url}/shop/_git/tiny`,
    });
    const refs = itemsOf(await call(twin, `${base}/refs?filter=heads/fix`));
    expect(refs.map((ref) => ref.name)).toEqual(['refs/heads/fix/ci-1']);
    const commit = await call(twin, `${base}/commits/${fixHead}`);
    expect(commit.body).toMatchObject({
      commitId: fixHead,
      comment: 'Mend',
      author: { name: 'Dana Developer' },
    });
    const changes = await call(twin, `${base}/commits/${fixHead}/changes`);
    expect(changes.body).toMatchObject({ changes: [{ item: { path: '/sum.mjs' }, changeType: 'edit' }] });
    const item = `${base}/items?path=/sum.mjs&versionDescriptor.version=${fixHead}&versionDescriptor.versionType=commit`;
    expect((await call(twin, item, { accept: 'text/plain' })).text).toBe(tinyFiles['sum.mjs']);
    expect((await call(twin, `${item}&includeContent=true`)).body.content).toBe(tinyFiles['sum.mjs']);
    expect((await call(twin, `${base}/items?path=/none`)).status).toBe(404);
    const [policy] = itemsOf(await call(twin, '/shop/_apis/policy/configurations'));
    expect(policy).toMatchObject({ type: { displayName: 'Build' }, settings: { buildDefinitionId: 1 } });
    expect(itemsOf(await call(twin, '/_apis/projects'))[0]).toMatchObject({
      id: twin.projectId,
      name: 'shop',
    });
    expect((await call(twin, '/shop/_apis/build/definitions/1')).body).toMatchObject({ name: 'tiny-ci' });
  });
});
