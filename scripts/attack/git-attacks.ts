import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gatherFix } from '../../sandbox-runner/src/fix/gather.ts';
import { takeIn } from '../../sandbox-runner/src/fix/take-in.ts';
import type { Row } from './attack.ts';
import type { Stage } from './stage.ts';

/**
 * A repository as a hostile agent would leave it: hooks, settings that name programs, filters, a link out of the
 * tree. Its commits go through the runner's own intake; the mark must appear only where a careless Git is run.
 */
export async function attackByGit(stage: Stage): Promise<Row[]> {
  const folder = join(stage.folder, 'hostile');
  const mark = join(stage.folder, 'hostile-mark');
  const env = { PATH: process.env.PATH, HOME: folder, GIT_CONFIG_NOSYSTEM: '1' };
  const git = (...args: string[]) =>
    execFileSync('git', args, {
      cwd: folder,
      env,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
  mkdirSync(folder);
  git('clone', '--quiet', stage.mirror, '.');
  git('config', 'user.name', 'Hostile');
  git('config', 'user.email', 'hostile@localhost');
  writeFileSync(join(folder, '.gitattributes'), '* filter=evil diff=evil\n');
  writeFileSync(join(folder, 'file.txt'), 'text\n');
  symlinkSync('/etc/passwd', join(folder, 'link'));
  git('add', '--all');
  git('commit', '--quiet', '--message', 'hostile');
  const program = `sh -c 'touch ${mark}; cat'`;
  for (const [name, value] of [
    ['core.fsmonitor', program],
    ['core.sshCommand', program],
    ['filter.evil.clean', program],
    ['filter.evil.smudge', program],
    ['diff.evil.textconv', program],
    ['core.pager', program],
  ] as const)
    git('config', name, value);
  for (const hook of [
    'post-checkout',
    'pre-receive',
    'update',
    'post-update',
    'reference-transaction',
    'post-index-change',
  ])
    writeFileSync(join(folder, '.git/hooks', hook), `#!/bin/sh\ntouch ${mark}\n`, { mode: 0o755 });
  const head = git('rev-parse', 'HEAD');
  rmSync(mark, { force: true });
  const bundlePath = join(stage.folder, 'hostile.bundle');
  git(
    '-c',
    'core.fsmonitor=false',
    '-c',
    'core.hooksPath=/dev/null',
    'bundle',
    'create',
    '--quiet',
    bundlePath,
    `${stage.commit}..HEAD`,
  );
  rmSync(mark, { force: true });

  const gitDir = join(stage.folder, 'taken.git');
  const taken = await takeIn({ bundlePath, head, mirror: stage.mirror, gitDir });
  const target = {
    ...{ ref: 'refs/heads/fix/ci-x-1', expected: null, base: stage.commit, defaultBranch: 'refs/heads/main' },
    ...{ forbiddenPaths: [], maxFiles: 100 },
  };
  const gathered = taken.ok
    ? await gatherFix({
        ...{ gitDir, head, target, step: { name: 'Test', command: null, kind: 'test' as const } },
        ...{ identity: { name: 'Hostile', email: 'hostile@localhost' }, redact: (text: string) => text },
      })
    : null;
  const executed = existsSync(mark);
  const link = JSON.stringify(gathered?.ok ? gathered.fix.net : gathered);
  git('status');
  const control = { ok: existsSync(mark), detail: 'a careless git status runs the agent’s program' };
  return [
    {
      ...{ area: 'machine', title: "hooks and settings of the agent's Git", as: 'runner' },
      blocked: taken.ok && !executed,
      detail: taken.ok ? `executed: ${executed}` : 'the bundle was not taken in, so nothing was tried',
      control,
    },
    {
      ...{ area: 'machine', title: 'a symbolic link in a fix, followed', as: 'runner' },
      blocked: !link.includes('root:x:0'),
      detail: link.slice(0, 160),
      control: { ok: link.includes('link'), detail: 'the link is among the changes' },
    },
  ];
}
