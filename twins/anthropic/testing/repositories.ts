/** Builds a small Git repository out of commits, each a set of files (`null` deletes). */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

export type CommitFiles = { message: string; files: Record<string, string | null> };
export type BuiltRepository = { root: string; shas: string[]; remove(): void };

export function buildRepository(commits: readonly CommitFiles[]): BuiltRepository {
  const root = mkdtempSync(join(tmpdir(), 'twin-repo-'));
  const git = (...args: string[]): string => execFileSync('git', args, { cwd: root, encoding: 'utf8' });
  git('init', '-q', '-b', 'main');
  git('config', 'user.name', 'Cody Codewell (AI Agent)');
  git('config', 'user.email', 'cody@dogwatch.example');
  const shas = commits.map(({ message, files }) => {
    for (const [path, text] of Object.entries(files)) {
      const full = join(root, path);
      if (text === null) rmSync(full);
      else {
        mkdirSync(dirname(full), { recursive: true });
        writeFileSync(full, text);
      }
    }
    git('add', '-A');
    git('commit', '-q', '-m', message);
    return git('rev-parse', 'HEAD').trim();
  });
  return { root, shas, remove: () => rmSync(root, { recursive: true, force: true }) };
}

/** The prompt as the Worker writes it for Cody. */
export function fixPrompt(
  repository: BuiltRepository,
  command: string | undefined,
  lastGreen: string | undefined,
): string {
  return [
    'Repository: sample',
    'Branch: refs/heads/main',
    `Commit: ${repository.shas.at(-1)} (checked out at ${repository.root})`,
    `Last green commit: ${lastGreen ?? 'none known'}`,
    'Failed step: Test',
    `Failed command: ${command ?? 'not known'}`,
    'Failing tests: none recognised',
    'Target: new branch, pull request to refs/heads/main',
    '',
    'The build failed. Find the cause, fix it and prove the fix.',
  ].join('\n');
}
