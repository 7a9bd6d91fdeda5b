import { execFile } from 'node:child_process';
import { appendFile, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { restoreCheckpoint } from './checkpoint.ts';
import { EMPTY_COMMIT_TEXT } from './empty-workspace.ts';
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

/** A repository of the group, without commits. What `remote add` and `config` would write, without three more processes. */
async function initialise(folder: string, { name, email }: AgentTask['identity'], url: string | null) {
  await mkdir(folder, { recursive: true });
  await git(folder, 'init', '--quiet', '--initial-branch=dogwatch');
  const remote =
    url === null
      ? ''
      : `[remote "origin"]\n\turl = ${quoted(url)}\n\tfetch = +refs/heads/*:refs/remotes/origin/*\n`;
  const user = `[user]\n\tname = ${quoted(name)}\n\temail = ${quoted(email)}\n`;
  await appendFile(join(folder, '.git/config'), remote + user);
}

async function fetchCommit(folder: string, ref: string, commit: string): Promise<void> {
  const fetch = (...args: string[]) =>
    git(folder, 'fetch', '--quiet', '--no-tags', '--no-recurse-submodules', ...args);
  const present = () => succeeds(git(folder, 'cat-file', '-e', `${commit}^{commit}`));

  // The ref may have moved on, or be gone, since the build ran: the commit itself is asked for first.
  if (!(await succeeds(fetch(`--depth=${HISTORY_DEPTH}`, 'origin', commit))) || !(await present())) {
    await fetch(`--depth=${HISTORY_DEPTH}`, 'origin', ref);
    if (!(await present())) await fetch('--unshallow', 'origin', ref);
  }
}

/** The commit that a workspace without a repository stands on, so that what is written there can be kept. */
async function makeEmptyCommit(folder: string): Promise<void> {
  const file = join(folder, '.git/empty-commit');
  await writeFile(file, EMPTY_COMMIT_TEXT);
  await git(folder, 'hash-object', '-t', 'commit', '-w', file);
}

/** Stands on exactly the task's commit, fetched through the gateway, on a local branch with the group's identity. */
export async function checkout(task: AgentTask, gatewayUrl: string): Promise<void> {
  const { folder, commit, source } = task.workspace;
  if (source === null) {
    await initialise(folder, task.identity, null);
    await makeEmptyCommit(folder);
  } else {
    const [project, repository] = [source.project, source.repository].map(encodeURIComponent);
    await initialise(folder, task.identity, `${gatewayUrl}/git/${project}/_git/${repository}`);
    await fetchCommit(folder, source.ref, commit);
  }
  await git(folder, 'checkout', '--quiet', '-B', 'dogwatch/work', commit);
  if (task.checkpoint) await restoreCheckpoint(folder, task.checkpoint);
}
