/** A stand-in for the runner's check of a fix: red at the base with only the test files, green at HEAD, in clean clones. */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isTestFile } from '../strategy/paths.ts';
import type { ToolAnswer } from './executor.ts';

export function checkSubmission(root: string, base: string, command: string, proof: string): ToolAnswer {
  const git = (...args: string[]): string => execFileSync('git', args, { cwd: root, encoding: 'utf8' });
  const changed = git('diff', '--name-only', base, 'HEAD').split('\n').filter(Boolean);
  if (changed.length === 0) return refused('there is no commit beyond the base');
  if (git('status', '--porcelain', '--untracked-files=no').trim() !== '')
    return refused('the tree has changes that are not committed');
  const tests = changed.filter(isTestFile);
  if (proof === 'test' && tests.length === 0) return refused('no test file is part of the fix');
  const scratch = mkdtempSync(join(tmpdir(), 'twin-check-'));
  try {
    execFileSync('git', ['clone', '-q', root, scratch]);
    if (existsSync(join(root, 'node_modules')))
      symlinkSync(join(root, 'node_modules'), join(scratch, 'node_modules'));
    const at = (...args: string[]): void => void execFileSync('git', args, { cwd: scratch, stdio: 'ignore' });
    at('checkout', '-q', base);
    if (proof === 'test') at('checkout', '-q', 'origin/HEAD', '--', ...tests);
    const red = run(command, scratch);
    at('reset', '-q', '--hard');
    at('checkout', '-q', 'origin/HEAD');
    const green = run(command, scratch);
    if (red === 0) return refused('the proof is not red at the base');
    if (green !== 0) return refused('the fix is not green');
    return {
      text: `accepted: red at the base (exit ${red}), green with the fix; files: ${changed.join(', ')}`,
      isError: false,
    };
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

function run(command: string, cwd: string): number {
  const { NODE_TEST_CONTEXT: _, VITEST: __, NODE_OPTIONS: ___, ...env } = process.env;
  return (
    spawnSync('bash', ['-c', command], { cwd, env: { ...env, CI: 'true' }, timeout: 120_000 }).status ?? 1
  );
}

function refused(reason: string): ToolAnswer {
  return { text: `refused: ${reason}`, isError: true };
}
