import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { root } from './dev/worker-process.ts';

const run = (...args: string[]) => {
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd: root, encoding: 'utf8' });
  return { status, stdout, stderr };
};
const demo = join('scripts', 'demo.ts');

describe('a program', () => {
  test('shows its usage when asked, and starts nothing', () => {
    const shown = expect.stringMatching(/^npm run demo -- \[options]\n/);
    expect(run(demo, '--help')).toEqual({ status: 0, stdout: shown, stderr: '' });
  });

  test('says what is wrong with its options, and how it is called', () => {
    const faults = [
      [[demo, '--scenrio', 'main'], "Unknown option '--scenrio'"],
      [[demo, 'main'], 'nothing is called main'],
      [[demo, '--repo', 'a'], '--repo and --defect go together'],
      [[join('bench', 'index.ts'), 'wakes'], 'there is no bench wakes'],
      [[join('scripts', 'simulate.ts'), '--seeds', 'many'], 'N and S are whole numbers'],
    ] as const;
    for (const [args, fault] of faults) {
      const { status, stdout, stderr } = run(...args);
      expect([status, stdout, stderr.split('\n')[0]]).toEqual([2, '', fault]);
      expect(stderr).toContain('\n\nnpm run ');
    }
  });
});
