/** The one place that starts `git` for the twin's own work (serving clients is in git-http.ts). */
import { spawn } from 'node:child_process';

export class GitError extends Error {
  readonly exitCode: number;

  constructor(args: readonly string[], exitCode: number, stderr: string) {
    super(`git ${args.join(' ')} ended with ${exitCode}: ${stderr.trim()}`);
    this.exitCode = exitCode;
  }
}

export type GitResult = { exitCode: number; stdout: string; stderr: string };
export type GitOptions = { env?: Record<string, string>; input?: string | Buffer; cwd?: string };

/** The user's own Git configuration must not change what the twin does. */
export function gitEnvironment(extra: Record<string, string> = {}): Record<string, string> {
  return {
    PATH: process.env.PATH ?? '/usr/bin:/bin',
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_TERMINAL_PROMPT: '0',
    LC_ALL: 'C',
    ...extra,
  };
}

export function runGit(args: readonly string[], options: GitOptions = {}): Promise<GitResult> {
  return new Promise((resolve, reject) => {
    const child = spawn('git', args, {
      env: gitEnvironment(options.env),
      stdio: ['pipe', 'pipe', 'pipe'],
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    });
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => out.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => err.push(chunk));
    child.stdin.on('error', () => undefined);
    child.on('error', reject);
    child.on('close', (code) =>
      resolve({
        exitCode: code ?? -1,
        stdout: Buffer.concat(out).toString('utf8'),
        stderr: Buffer.concat(err).toString('utf8'),
      }),
    );
    child.stdin.end(options.input ?? '');
  });
}

/** Its output without the last newline; throws `GitError` when it fails. */
export async function git(args: readonly string[], options: GitOptions = {}): Promise<string> {
  const result = await runGit(args, options);
  if (result.exitCode !== 0) throw new GitError(args, result.exitCode, result.stderr);
  return result.stdout.replace(/\n$/, '');
}

export const zeroObjectId = '0'.repeat(40);

export type GitPerson = { name: string; email: string; date: string };
export type GitCommit = {
  commitId: string;
  treeId: string;
  parents: string[];
  author: GitPerson;
  committer: GitPerson;
  comment: string;
};

const commitFormat = '%H%x00%T%x00%P%x00%an%x00%ae%x00%aI%x00%cn%x00%ce%x00%cI%x00%B%x01';

export async function readCommits(gitDir: string, args: readonly string[]): Promise<GitCommit[]> {
  const text = await git(['--git-dir', gitDir, 'log', `--format=${commitFormat}`, ...args, '--']);
  return text
    .split('\x01')
    .map((entry) => entry.replace(/^\n/, ''))
    .filter((entry) => entry !== '')
    .map(parseCommit);
}

function parseCommit(entry: string): GitCommit {
  const [commitId, treeId, parents, an, ae, ad, cn, ce, cd, comment] = entry.split('\0');
  const utc = (date: string | undefined): string => new Date(date ?? 0).toISOString().replace(/\.\d+Z$/, 'Z');
  return {
    commitId: commitId ?? '',
    treeId: treeId ?? '',
    parents: (parents ?? '').split(' ').filter((parent) => parent !== ''),
    author: { name: an ?? '', email: ae ?? '', date: utc(ad) },
    committer: { name: cn ?? '', email: ce ?? '', date: utc(cd) },
    comment: (comment ?? '').replace(/\n+$/, ''),
  };
}

/** A ref, a branch's name or an abbreviated commit, as the full commit id. */
export async function resolveCommit(gitDir: string, name: string): Promise<string | undefined> {
  const result = await runGit([
    '--git-dir',
    gitDir,
    'rev-parse',
    '--verify',
    '--quiet',
    '--end-of-options',
    `${name}^{commit}`,
  ]);
  return result.exitCode === 0 ? result.stdout.trim() : undefined;
}

export async function listRefs(gitDir: string): Promise<Map<string, string>> {
  const text = await git(['--git-dir', gitDir, 'for-each-ref', '--format=%(refname) %(objectname)']);
  return new Map(
    text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => line.split(' ') as [string, string]),
  );
}

export async function isAncestor(gitDir: string, ancestor: string, descendant: string): Promise<boolean> {
  const result = await runGit(['--git-dir', gitDir, 'merge-base', '--is-ancestor', ancestor, descendant]);
  return result.exitCode === 0;
}

export type MergeOutcome = { ok: true; treeId: string } | { ok: false; code: 'conflicts'; detail: string };

/** The tree of the real three-way merge, without touching a working tree. */
export async function mergeTrees(gitDir: string, ours: string, theirs: string): Promise<MergeOutcome> {
  const result = await runGit([
    '--git-dir',
    gitDir,
    'merge-tree',
    '--write-tree',
    '--messages',
    ours,
    theirs,
  ]);
  if (result.exitCode > 1 || result.exitCode < 0)
    throw new GitError(['merge-tree'], result.exitCode, result.stderr);
  const treeId = result.stdout.split('\n')[0] ?? '';
  return result.exitCode === 0
    ? { ok: true, treeId }
    : { ok: false, code: 'conflicts', detail: result.stdout };
}

export type NewCommit = {
  treeId: string;
  parents: readonly string[];
  message: string;
  author: { name: string; email: string };
  committer?: { name: string; email: string };
  atMs: number;
};

export function commitTree(gitDir: string, commit: NewCommit): Promise<string> {
  const date = `${Math.floor(commit.atMs / 1000)} +0000`;
  const committer = commit.committer ?? commit.author;
  return git(
    [
      '--git-dir',
      gitDir,
      'commit-tree',
      commit.treeId,
      ...commit.parents.flatMap((parent) => ['-p', parent]),
      '-F',
      '-',
    ],
    {
      input: commit.message,
      env: {
        GIT_AUTHOR_NAME: commit.author.name,
        GIT_AUTHOR_EMAIL: commit.author.email,
        GIT_AUTHOR_DATE: date,
        GIT_COMMITTER_NAME: committer.name,
        GIT_COMMITTER_EMAIL: committer.email,
        GIT_COMMITTER_DATE: date,
      },
    },
  );
}
