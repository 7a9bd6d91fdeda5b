import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { AzureDevopsTwin } from './index.ts';
import { addTinyRepository, type Clone, cloneTiny, codePat, startTwin } from './test-support.ts';

let twin: AzureDevopsTwin;
let clone: Clone;
beforeEach(async () => {
  twin = await startTwin({ developerPassword: 'dev' });
  await addTinyRepository(twin);
  clone = await cloneTiny(twin);
});
afterEach(async () => {
  await clone.remove();
  await twin.close();
});

async function commit(name: string, content: string): Promise<string> {
  await writeFile(join(clone.dir, name), content);
  await clone.git(codePat, 'add', '.');
  await clone.git(codePat, 'commit', '--quiet', '-m', `Add ${name}`);
  return (await clone.git(codePat, 'rev-parse', 'HEAD')).stdout.trim();
}

describe('Git over HTTP', () => {
  it('takes a push to a new branch, also one with a large body', async () => {
    const head = await commit(
      'large.txt',
      Array.from({ length: 300_000 }, (_, n) => `line ${n * 7919}\n`).join(''),
    );
    const pushed = await clone.git(codePat, 'push', 'origin', 'HEAD:refs/heads/fix/ci-1');
    expect(pushed.stderr).toContain('[new branch]');
    expect(await twin.head('tiny', 'fix/ci-1')).toBe(head);
  });

  it('refuses a push to the default branch to the agents, with the words of the service', async () => {
    const before = await twin.head('tiny', 'main');
    const head = await commit('a.txt', 'a');
    const refused = await clone.git(codePat, 'push', 'origin', 'HEAD:main');
    expect(refused.exitCode).not.toBe(0);
    expect(refused.stderr).toContain('TF402455: Pushes to this branch are not permitted');
    expect(await twin.head('tiny', 'main')).toBe(before);
    expect((await clone.git('dev', 'push', 'origin', 'HEAD:main')).exitCode).toBe(0);
    expect(await twin.head('tiny', 'main')).toBe(head);
    await twin.idle();
    expect(twin.builds().map((build) => build.result)).toEqual(['succeeded']);
  });

  it('refuses a wrong password and a forced push', async () => {
    const wrong = await clone.git('wrong', 'fetch', 'origin');
    expect(wrong.stderr).toMatch(/Authentication failed|could not read Username|401/);
    await commit('a.txt', 'a');
    await clone.git(codePat, 'push', 'origin', 'HEAD:refs/heads/x');
    await clone.git(codePat, 'commit', '--amend', '--quiet', '-m', 'Other');
    const forced = await clone.git(codePat, 'push', '--force', 'origin', 'HEAD:refs/heads/x');
    expect(forced.stderr).toContain('non-fast-forward');
  });

  it('gives any commit by its id', async () => {
    const first = await twin.head('tiny', 'main');
    await twin.commit({ repository: 'tiny', branch: 'main', message: 'Two', files: { b: 'b' } });
    const fetched = await clone.git(codePat, 'fetch', '--depth=1', 'origin', first ?? '');
    expect(fetched.exitCode).toBe(0);
  });
});

describe("a developer's patch", () => {
  it('is applied and pushed, and refused where it does not fit', async () => {
    const patch = [
      'diff --git a/sum.mjs b/sum.mjs',
      '--- a/sum.mjs',
      '+++ b/sum.mjs',
      '@@ -1 +1 @@',
      '-export const sum = (a, b) => a + b;',
      '+export const sum = (a, b) => a * b;',
      '',
    ].join('\n');
    const body = JSON.stringify({ repository: 'tiny', branch: 'main', message: 'Multiply', patch });
    const post = (): Promise<Response> => fetch(`${twin.origin}/__twin/commits`, { method: 'POST', body });
    expect((await post()).status).toBe(201);
    await twin.idle();
    expect(twin.builds().at(-1)?.result).toBe('failed');
    expect((await post()).status).toBe(422);
  });
});
