import { execFile } from 'node:child_process';
import { appendFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { restoreCheckpoint } from './checkpoint.ts';
import type { AgentTask } from './task.ts';

const run = promisify(execFile);

/** Enough for `git log` since the last green build in nearly every repository; more is fetched when it is not. */
const HISTORY_DEPTH = 50;

export async function git(folder: string, ...args: string[]): Promise<string> {
  const { stdout } = await run('git', args, { cwd: folder, maxBuffer: 64 * 1024 * 1024 });
  return stdout.trim();
}

const succeeds = (step: Promise<unknown>) =>
  step.then(
    () => true,
    () => false,
  );

/** A value of Git's configuration. */
const quoted = (text: string): string => `"${text.replace(/[\r\n]/g, ' ').replace(/[\\"]/g, '\\$&')}"`;

/** Clones through the gateway and stands on exactly the task's commit, on a local branch with the group's identity. */
export async function checkout(task: AgentTask, gatewayUrl: string): Promise<void> {
  const { folder, project, repository, ref, commit } = task.workspace;
  const url = `${gatewayUrl}/git/${encodeURIComponent(project)}/_git/${encodeURIComponent(repository)}`;
  await mkdir(folder, { recursive: true });
  await git(folder, 'init', '--quiet', '--initial-branch=dogwatch');
  // What `remote add` and `config` would write, without three more processes at every start.
  const { name, email } = task.identity;
  await appendFile(
    join(folder, '.git/config'),
    `[remote "origin"]\n\turl = ${quoted(url)}\n\tfetch = +refs/heads/*:refs/remotes/origin/*\n[user]\n\tname = ${quoted(name)}\n\temail = ${quoted(email)}\n`,
  );
  const fetch = (...args: string[]) =>
    git(folder, 'fetch', '--quiet', '--no-tags', '--no-recurse-submodules', ...args);
  const present = () => succeeds(git(folder, 'cat-file', '-e', `${commit}^{commit}`));

  // The ref may have moved on, or be gone, since the build ran: the commit itself is asked for first.
  if (!(await succeeds(fetch(`--depth=${HISTORY_DEPTH}`, 'origin', commit))) || !(await present())) {
    await fetch(`--depth=${HISTORY_DEPTH}`, 'origin', ref);
    if (!(await present())) await fetch('--unshallow', 'origin', ref);
  }
  await git(folder, 'checkout', '--quiet', '-B', 'dogwatch/work', commit);
  if (task.checkpoint) await restoreCheckpoint(folder, task.checkpoint);
}
