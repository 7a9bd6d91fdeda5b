import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { AzureDevopsTwin } from './index.ts';
import { addTinyRepository, brokenSum, call, itemsOf, startTwin } from './test-support.ts';

let twin: AzureDevopsTwin;
beforeEach(async () => {
  twin = await startTwin();
  await addTinyRepository(twin);
});
afterEach(() => twin.close());

async function breakMain(): Promise<string> {
  const commit = await twin.commit({
    repository: 'tiny',
    branch: 'main',
    message: 'Subtract',
    files: brokenSum,
  });
  await twin.idle();
  return commit;
}

describe('a build', () => {
  it('really runs the steps and fails where one fails', async () => {
    const commit = await breakMain();
    const [build] = itemsOf(await call(twin, '/shop/_apis/build/builds?definitions=1'));
    expect(build).toMatchObject({
      status: 'completed',
      result: 'failed',
      reason: 'individualCI',
      sourceBranch: 'refs/heads/main',
      sourceVersion: commit,
    });
    const timeline = await call(twin, `/shop/_apis/build/builds/${build?.id}/timeline`);
    const records = timeline.body.records as Record<string, unknown>[];
    const resultOf = (name: string): unknown => records.find((record) => record.name === name)?.result;
    expect(['Setup', 'Test', 'Pack', 'Always', 'Job', '__default'].map(resultOf)).toEqual([
      'succeeded',
      'failed',
      'skipped',
      'succeeded',
      'failed',
      'failed',
    ]);
    const test = records.find((record) => record.name === 'Test');
    expect(test).toMatchObject({
      type: 'Task',
      errorCount: 1,
      issues: [{ type: 'error', message: "Bash exited with code '1'." }],
    });
    expect(records.find((record) => record.name === 'Pack')?.log).toBeNull();
  });

  it('keeps the whole log in the order it was written, as text and as JSON', async () => {
    const commit = await breakMain();
    const [build] = twin.builds();
    const record = build?.records.find((one) => one.name === 'Test');
    const path = `/shop/_apis/build/builds/${build?.id}/logs/${record?.logId}`;
    const text = (await call(twin, path, { accept: 'text/plain' })).text;
    const lines = text.trimEnd().split('\n');
    const bare = lines.map((line) => line.replace(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{7}Z /, ''));
    expect(bare.filter((line, index) => line === lines[index])).toEqual([]);
    expect(bare.slice(0, 3)).toEqual([
      '##[section]Starting: Test',
      '='.repeat(78),
      'Task         : Command line',
    ]);
    expect(bare).toContain('node test.mjs');
    expect(bare.indexOf('one on stderr')).toBe(bare.indexOf('two on stdout') - 1);
    expect(bare.join('\n')).toContain('AssertionError');
    expect(bare.slice(-2)).toEqual(["##[error]Bash exited with code '1'.", '##[section]Finishing: Test']);
    const json = await call(twin, path);
    expect(json.body.value).toEqual(lines);
    expect((await call(twin, `${path}?startLine=2&endLine=3`)).body.value).toEqual(lines.slice(1, 3));
    const logs = itemsOf(await call(twin, `/shop/_apis/build/builds/${build?.id}/logs`));
    expect(logs.find((log) => log.id === record?.logId)?.lineCount).toBe(lines.length);
    expect(twin.buildLog(build?.id ?? 0)).toContain(`${commit} true`);
  });

  it('finds the changes since the last build and answers filters', async () => {
    await twin.queueBuild(1, 'main');
    const commit = await breakMain();
    const [green, red] = twin.builds();
    const changes = itemsOf(
      await call(twin, `/shop/_apis/build/changes?fromBuildId=${green?.id}&toBuildId=${red?.id}`),
    );
    expect(changes.map((change) => [change.id, change.message])).toEqual([[commit, 'Subtract']]);
    expect(itemsOf(await call(twin, `/shop/_apis/build/builds/${red?.id}/changes`))).toHaveLength(1);
    const ids = async (filter: string): Promise<unknown[]> =>
      itemsOf(await call(twin, `/shop/_apis/build/builds?${filter}`)).map((build) => build.id);
    expect(await ids('resultFilter=succeeded')).toEqual([green?.id]);
    expect(await ids('reasonFilter=individualCI&branchName=refs/heads/main&$top=1')).toEqual([red?.id]);
    expect(await ids('queryOrder=queueTimeAscending')).toEqual([green?.id, red?.id]);
    expect(await ids('definitions=9')).toEqual([]);
  });

  it('starts for branches the trigger names, and for no other', async () => {
    for (const branch of ['feature/a', 'fix/ci-1']) {
      await twin.commit({ repository: 'tiny', branch, message: 'More', files: { 'a.txt': 'a' } });
    }
    await twin.idle();
    expect(twin.builds().map((build) => build.sourceBranch)).toEqual(['refs/heads/feature/a']);
  });

  it('is canceled, with its processes, when the twin closes', async () => {
    await twin.commit({
      repository: 'tiny',
      branch: 'main',
      message: 'Wait',
      files: { 'test.mjs': "setTimeout(() => {}, 60_000); console.log('waiting');\n" },
    });
    const [build] = twin.builds();
    while (!twin.buildLog(build?.id ?? 0).includes('waiting'))
      await new Promise((next) => setTimeout(next, 20));
    await twin.close();
    expect(build?.result).toBe('canceled');
  });
});

describe('errors', () => {
  it('come in the shape of Azure DevOps', async () => {
    expect((await call(twin, '/shop/_apis/build/builds', { password: 'wrong' })).status).toBe(401);
    const missing = await call(twin, '/shop/_apis/build/builds/999');
    expect(missing.status).toBe(404);
    expect(missing.body).toMatchObject({
      $id: '1',
      innerException: null,
      message: 'The requested build 999 could not be found.',
      typeKey: 'BuildNotFoundException',
      errorCode: 0,
      eventId: 3000,
    });
    expect((await call(twin, '/elsewhere/_apis/build/builds')).body.typeKey).toBe(
      'ProjectDoesNotExistWithNameException',
    );
  });

  it('can be asked for', async () => {
    await fetch(`${twin.origin}/__twin/faults`, {
      method: 'POST',
      body: JSON.stringify({ path: '/timeline', status: 503, retryAfterSeconds: 3 }),
    });
    expect((await call(twin, '/shop/_apis/build/builds')).status).toBe(200);
    expect((await call(twin, '/shop/_apis/build/builds/1/timeline')).status).toBe(503);
  });
});
