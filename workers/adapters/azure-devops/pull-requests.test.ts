import { env } from 'cloudflare:test';
import { beforeEach, describe, expect, it } from 'vitest';
import { azureDevOpsSettings, type Env } from '../../env.ts';
import { COMMIT, pullRequestJson } from '../../test/azure-devops.ts';
import { Outside } from '../../test/outside.ts';
import { azureDevOpsClient } from './client.ts';
import { commentOnPullRequest, completePullRequest, createPullRequest } from './pull-requests.ts';

const api = azureDevOpsClient(azureDevOpsSettings(env as Env));
const ONE = /pullrequests\/5\?/;
let outside: Outside;
beforeEach(() => {
  outside = new Outside();
});

const noWait = async () => {};
const complete = (commit = COMMIT) => completePullRequest(api, 'shop', 'parcel-rates', 5, commit, noWait);
const now = (about: Record<string, unknown> = {}) =>
  outside.json('GET', ONE, () => pullRequestJson(5, about));
const patched = () => outside.asked('PATCH', ONE);

describe('completing a pull request', () => {
  it('names exactly the approved commit and waits for the merge', async () => {
    let looks = 0;
    outside
      .json('PATCH', ONE, () => pullRequestJson(5, { mergeStatus: 'queued' }))
      .json('GET', ONE, () => {
        looks += 1;
        return pullRequestJson(5, looks < 3 ? {} : { status: 'completed' });
      });
    expect(await complete()).toEqual({ outcome: 'completed', mergeCommit: 'c'.repeat(40) });
    expect(patched()[0]?.body).toMatchObject({
      status: 'completed',
      lastMergeSourceCommit: { commitId: COMMIT },
    });
  });

  it('is done when it was done before, and asks for nothing then', async () => {
    now({ status: 'completed' });
    expect(await complete()).toMatchObject({ outcome: 'completed' });
    expect(patched()).toHaveLength(0);
  });

  it('refuses another commit than the one approved, before and after asking', async () => {
    now();
    expect(await complete('b'.repeat(40))).toMatchObject({ outcome: 'refused', code: 'source_moved' });
    expect(patched()).toHaveLength(0);
    outside.json('PATCH', ONE, () =>
      Response.json(
        { message: 'TF401192: the source is stale', typeKey: 'GitPullRequestStaleException' },
        { status: 409 },
      ),
    );
    expect(await complete()).toMatchObject({ outcome: 'refused', code: 'source_moved' });
  });

  it('tells conflicts, policies and abandonment apart', async () => {
    now({ mergeStatus: 'conflicts' });
    expect(await complete()).toMatchObject({ code: 'conflicts' });
    now({ mergeStatus: 'rejectedByPolicy', mergeFailureMessage: 'two reviewers are needed' });
    expect(await complete()).toMatchObject({ code: 'policy', reason: 'two reviewers are needed' });
    now({ status: 'abandoned' });
    expect(await complete()).toMatchObject({ code: 'abandoned' });
  });

  it('leaves a merge that takes long to a later try', async () => {
    now().json('PATCH', ONE, () => pullRequestJson(5, { mergeStatus: 'queued' }));
    await expect(complete()).rejects.toMatchObject({ retryable: true });
  });
});

it('opens a pull request only where none is', async () => {
  const wanted = { source: 'refs/heads/feature', target: 'refs/heads/main', title: 't', description: 'd' };
  outside
    .json('GET', /pullrequests\?/, () => ({ value: [] }))
    .json('POST', /pullrequests\?/, () => pullRequestJson(6), 201);
  expect((await createPullRequest(api, 'shop', 'parcel-rates', wanted)).pullRequestId).toBe(6);
  outside.json('GET', /pullrequests\?/, () => ({ value: [pullRequestJson(6)] }));
  expect((await createPullRequest(api, 'shop', 'parcel-rates', wanted)).pullRequestId).toBe(6);
  expect(outside.asked('POST', /pullrequests\?/)).toHaveLength(1);
});

it('comments once under one marker', async () => {
  const threads: { comments: { content: string }[] }[] = [];
  outside
    .json('GET', /threads\?/, () => ({ value: threads }))
    .json('POST', /threads\?/, ({ body }) => {
      threads.push(body as { comments: { content: string }[] });
      return {};
    });
  const comment = () => commentOnPullRequest(api, 'shop', 'parcel-rates', 5, 'superseded', '1:9:x');
  await comment();
  await comment();
  expect(threads).toHaveLength(1);
});
