/** Bare repositories: made from a folder or another repository, and changed by a "developer" without a checkout. */
import { existsSync } from 'node:fs';
import { appendFile, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { commitTree, GitError, git, resolveCommit, runGit, zeroObjectId } from './git.ts';
import { installPushPolicy } from './git-http.ts';
import { guidFrom, type RefUpdate, type Repository, type World } from './world.ts';

export type NewRepository = {
  name: string;
  /** A folder of files, or a Git repository whose HEAD (with its history) becomes the default branch. */
  fromDir?: string;
  /** A branch's name without `refs/heads/`. */
  defaultBranch?: string;
  /** Files laid over what `fromDir` holds, such as a pipeline for a project that has none. */
  extraFiles?: Record<string, string>;
  denyNonFastForwards?: boolean;
};

export type NewChange = {
  repository: string;
  branch: string;
  /** Absent: the one in the patch, where that is a mail as `git format-patch` writes it. */
  message?: string;
  author?: { name: string; email: string };
  /** Path to new content; `null` deletes. */
  files?: Record<string, string | null>;
  /** A unified diff as `git diff` or `git format-patch` prints it. */
  patch?: string;
  /** Where a new branch starts: a branch or commit. Absent: the default branch. */
  from?: string;
};

export const developer = { name: 'Dana Developer', email: 'dana@example.com' };

export async function makeRepository(
  world: World,
  rootDir: string,
  wanted: NewRepository,
): Promise<Repository> {
  const branch = wanted.defaultBranch ?? 'main';
  const repository: Repository = {
    id: guidFrom(`repository/${world.organisation}/${world.project.name}/${wanted.name}`),
    name: wanted.name,
    defaultBranch: `refs/heads/${branch}`,
    gitDir: join(rootDir, `${wanted.name}.git`),
    pushes: [],
    lock: Promise.resolve(),
  };
  const { gitDir } = repository;
  await git(['init', '--quiet', '--bare', `--initial-branch=${branch}`, gitDir]);
  const settings: [string, string][] = [
    ['uploadpack.allowReachableSHA1InWant', 'true'],
    ['uploadpack.allowAnySHA1InWant', 'true'],
    ['http.receivepack', 'true'],
    ['receive.denyNonFastForwards', String(wanted.denyNonFastForwards ?? true)],
    ['gc.auto', '0'],
  ];
  for (const [key, value] of settings) await git(['--git-dir', gitDir, 'config', key, value]);
  await installPushPolicy(repository);
  if (wanted.fromDir !== undefined) await importFolder(repository, wanted.fromDir);
  if (wanted.extraFiles && Object.keys(wanted.extraFiles).length > 0) {
    await changeRepository(repository, {
      repository: wanted.name,
      branch,
      message: 'Set up the pipeline',
      files: wanted.extraFiles,
    });
  }
  world.repositories.push(repository);
  return repository;
}

async function importFolder(repository: Repository, dir: string): Promise<void> {
  const { gitDir, defaultBranch } = repository;
  if (existsSync(join(dir, '.git'))) {
    await git(['--git-dir', gitDir, 'fetch', '--quiet', '--no-tags', dir, `HEAD:${defaultBranch}`]);
    return;
  }
  await appendFile(join(gitDir, 'info', 'exclude'), 'node_modules/\n');
  await withIndex(async (index) => {
    const env = { GIT_INDEX_FILE: index };
    await git(['--git-dir', gitDir, '--work-tree', dir, 'add', '--all', '.'], { env, cwd: dir });
    const treeId = await git(['--git-dir', gitDir, 'write-tree'], { env });
    const commit = await commitTree(gitDir, {
      treeId,
      parents: [],
      message: 'First version\n',
      author: developer,
      atMs: Date.now(),
    });
    await git(['--git-dir', gitDir, 'update-ref', defaultBranch, commit]);
  });
}

/** Commits on top of the branch; the caller holds the repository's lock. Throws `GitError` where a patch does not apply. */
export async function changeRepository(
  repository: Repository,
  change: NewChange,
): Promise<{ commitId: string; update: RefUpdate }> {
  const { gitDir } = repository;
  const ref = change.branch.startsWith('refs/') ? change.branch : `refs/heads/${change.branch}`;
  const head = await resolveCommit(gitDir, ref);
  const base = head ?? (await resolveCommit(gitDir, change.from ?? repository.defaultBranch));
  const treeId = await withIndex((index) => writeTree(gitDir, index, base, change));
  const mail = change.patch === undefined ? undefined : await readMail(change.patch);
  const message = change.message ?? mail?.message ?? 'Change';
  const commitId = await commitTree(gitDir, {
    treeId,
    parents: base === undefined ? [] : [base],
    message: message.endsWith('\n') ? message : `${message}\n`,
    author: change.author ?? mail?.author ?? developer,
    atMs: Date.now(),
  });
  const oldObjectId = head ?? zeroObjectId;
  await git(['--git-dir', gitDir, 'update-ref', ref, commitId, oldObjectId]);
  return { commitId, update: { name: ref, oldObjectId, newObjectId: commitId } };
}

async function writeTree(
  gitDir: string,
  index: string,
  base: string | undefined,
  change: NewChange,
): Promise<string> {
  const env = { GIT_INDEX_FILE: index };
  if (base !== undefined) await git(['--git-dir', gitDir, 'read-tree', base], { env });
  for (const [path, content] of Object.entries(change.files ?? {})) {
    const entry = await git(['--git-dir', gitDir, 'ls-files', '--stage', '--', path], { env });
    if (content === null) {
      await git(['--git-dir', gitDir, 'update-index', '--force-remove', '--', path], { env });
      continue;
    }
    const blob = await git(['--git-dir', gitDir, 'hash-object', '-w', '--stdin'], { input: content });
    const mode = entry.split(' ')[0] || '100644';
    await git(['--git-dir', gitDir, 'update-index', '--add', '--cacheinfo', `${mode},${blob},${path}`], {
      env,
    });
  }
  if (change.patch !== undefined) await applyPatch(gitDir, env, change.patch);
  return git(['--git-dir', gitDir, 'write-tree'], { env });
}

async function applyPatch(gitDir: string, env: Record<string, string>, patch: string): Promise<void> {
  const input = patch.endsWith('\n') ? patch : `${patch}\n`;
  const args = ['--git-dir', gitDir, 'apply', '--cached', '--recount', '--whitespace=nowarn', '-'];
  const result = await runGit(args, { env, input });
  if (result.exitCode !== 0) throw new GitError(['apply'], result.exitCode, result.stderr);
}

type Mail = { author: { name: string; email: string }; message: string };

/** Author and message of a patch that is a mail; undefined where it is a bare diff. */
async function readMail(patch: string): Promise<Mail | undefined> {
  if (!/^From[ :]/m.test(patch.split('\ndiff --git ')[0] ?? '')) return undefined;
  return withTempDir(async (dir) => {
    const bodyFile = join(dir, 'message');
    const header = await git(['mailinfo', bodyFile, join(dir, 'patch')], { input: patch, cwd: dir });
    const field = (name: string): string | undefined => new RegExp(`^${name}: (.*)$`, 'm').exec(header)?.[1];
    const subject = field('Subject');
    if (subject === undefined) return undefined;
    const body = (await readFile(bodyFile, 'utf8')).trim();
    return {
      author: { name: field('Author') ?? developer.name, email: field('Email') ?? developer.email },
      message: body === '' ? subject : `${subject}\n\n${body}`,
    };
  });
}

function withIndex<T>(work: (indexFile: string) => Promise<T>): Promise<T> {
  return withTempDir((dir) => work(join(dir, 'index')));
}

async function withTempDir<T>(work: (dir: string) => Promise<T>): Promise<T> {
  const dir = await mkdtemp(join(tmpdir(), 'dogwatch-index-'));
  try {
    return await work(dir);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}
