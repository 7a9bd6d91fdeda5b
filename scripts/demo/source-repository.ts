import { execFile } from 'node:child_process';
import { cp, mkdtemp, readFile, realpath, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { root } from '../dev/worker-process.ts';
import { choosePipeline } from './pipeline-choice.ts';

const run = promisify(execFile);

export interface SourceRepository {
  name: string;
  dir: string;
  defaultBranch: string;
  /** A pipeline for a repository that has none that runs here. */
  extraFiles: Record<string, string>;
  /** What a person should know of how the repository was taken. */
  remarks: string[];
  discard(): Promise<void>;
}

export const sampleDir = join(root, 'examples/parcel-rates');
export const defectFile = (name: string): string => join(root, 'examples/defects', `${name}.patch`);

/** The sample service, or a copy of the user's repository: its last commit with its history, where it has one. */
export async function prepareRepository(
  userDir: string | null,
  featureBranch: string | null,
): Promise<SourceRepository> {
  const from = userDir === null ? sampleDir : resolve(userDir);
  const found = await stat(from).catch(() => null);
  if (!found?.isDirectory()) throw new Error(`--repo ${userDir} is no folder`);
  const name =
    basename(from)
      .normalize('NFKD')
      .replace(/[^A-Za-z0-9._-]+/g, '-')
      .replace(/^[-.]+|[-.]+$/g, '') || 'repository';
  const dir = await mkdtemp(join(tmpdir(), 'dogwatch-source-'));
  const discard = () => rm(dir, { recursive: true, force: true });
  try {
    const taken = userDir === null ? null : await cloneOf(from, dir);
    if (taken === null) await copyOf(from, dir);
    const lock = await lockFor(dir);
    const choice = await choosePipeline(
      await readFile(join(dir, 'azure-pipelines.yml'), 'utf8').catch(() => null),
      { branch: taken?.branch ?? 'main', featureBranch },
      async () => {
        const facts = await manifestOf(dir, from);
        return { ...facts, hasLock: facts.hasLock || 'package-lock.json' in lock.extraFiles };
      },
    );
    return {
      name,
      dir,
      defaultBranch: choice.defaultBranch,
      extraFiles: { ...choice.extraFiles, ...lock.extraFiles },
      remarks: [...(taken?.remarks ?? []), ...choice.remarks, ...lock.remarks],
      discard,
    };
  } catch (error) {
    await discard();
    throw error;
  }
}

const LEFT_OUT = ['node_modules', '.git', '.env'];

async function copyOf(from: string, to: string): Promise<void> {
  await cp(from, to, {
    recursive: true,
    verbatimSymlinks: true,
    filter: (path) => path === from || !LEFT_OUT.includes(basename(path)),
  });
}

/** A clone of the last commit; null where the folder is no Git repository with one, or a shallow one. */
async function cloneOf(from: string, to: string): Promise<{ branch: string; remarks: string[] } | null> {
  const trusted = { GIT_CONFIG_COUNT: '1', GIT_CONFIG_KEY_0: 'safe.directory', GIT_CONFIG_VALUE_0: '*' };
  const env = { ...process.env, ...trusted, GIT_LFS_SKIP_SMUDGE: '1', GIT_TERMINAL_PROMPT: '0', LC_ALL: 'C' };
  const git = async (...args: string[]) => (await run('git', args, { cwd: from, env })).stdout.trim();
  try {
    const top = await git('rev-parse', '--show-toplevel');
    if ((await realpath(top)) !== (await realpath(from))) return null;
    await git('rev-parse', '--verify', '--quiet', 'HEAD^{commit}');
    if ((await git('rev-parse', '--is-shallow-repository')) === 'true') return null;
    const branch = await git('symbolic-ref', '--quiet', '--short', 'HEAD').catch(() => 'main');
    const isDirty = (await git('status', '--porcelain', '--untracked-files=no')) !== '';
    await run('git', ['clone', '--quiet', '--no-hardlinks', '-c', 'core.autocrlf=false', from, to], { env });
    return {
      branch: /^[\w./-]+$/.test(branch) ? branch : 'main',
      remarks: isDirty
        ? ['the repository has changes that are not committed: its last commit is taken, without them']
        : [],
    };
  } catch {
    return null;
  }
}

interface Package {
  scripts?: Record<string, string>;
  dependencies?: Record<string, string>;
  devDependencies?: Record<string, string>;
  workspaces?: unknown;
}

export interface ManifestFacts {
  hasLock: boolean;
  hasDependencies: boolean;
  hasBuild: boolean;
}

/** Throws an Error that says why the repository cannot be built. */
async function manifestOf(dir: string, shownDir: string): Promise<ManifestFacts> {
  const text = await readFile(join(dir, 'package.json'), 'utf8').catch(() => {
    throw new Error(`${shownDir} has no package.json: --repo takes a Node repository`);
  });
  let manifest: Package;
  try {
    manifest = JSON.parse(text.replace(/^\uFEFF/, '')) as Package;
  } catch (error) {
    throw new Error(`${shownDir}/package.json is no JSON: ${(error as Error).message}`);
  }
  if (!manifest.scripts?.test || /no test specified/.test(manifest.scripts.test))
    throw new Error(`${shownDir}/package.json has no "test" script: the demo needs a command that can fail`);
  const exists = (name: string) => stat(join(dir, name)).then(Boolean, () => false);
  return {
    hasLock: (await exists('package-lock.json')) || (await exists('npm-shrinkwrap.json')),
    hasDependencies:
      Object.keys({ ...manifest.dependencies, ...manifest.devDependencies }).length > 0 ||
      manifest.workspaces !== undefined,
    hasBuild: manifest.scripts.build !== undefined,
  };
}

const LOCK_TIMEOUT_MS = 120_000;

/** A lock file for dependencies that have none: agents install only what a lock file names. */
async function lockFor(dir: string): Promise<Pick<SourceRepository, 'extraFiles' | 'remarks'>> {
  const none = { extraFiles: {}, remarks: [] };
  const facts = await manifestOf(dir, dir).catch(() => null);
  if (!facts?.hasDependencies || facts.hasLock) return none;
  const scratch = await mkdtemp(join(tmpdir(), 'dogwatch-lock-'));
  try {
    await copyOf(dir, scratch);
    const args = ['install', '--package-lock-only', '--ignore-scripts', '--no-audit', '--no-fund'];
    await run('npm', args, { cwd: scratch, timeout: LOCK_TIMEOUT_MS });
    return {
      extraFiles: { 'package-lock.json': await readFile(join(scratch, 'package-lock.json'), 'utf8') },
      remarks: [
        'the repository has no package-lock.json: one is made, since agents install only what it names',
      ],
    };
  } catch (error) {
    const { stderr, message } = error as { stderr?: string; message: string };
    const why = (stderr || message).trim().split('\n')[0];
    return {
      ...none,
      remarks: [`no package-lock.json could be made (${why}): agents may not be able to install`],
    };
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}
