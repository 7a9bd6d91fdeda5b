import { execFile } from 'node:child_process';
import { cp, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { stringify } from 'yaml';
import { root } from '../dev/worker-process.ts';

const run = promisify(execFile);

export interface SourceRepository {
  name: string;
  dir: string;
  /** A pipeline for a repository that has none of its own. */
  extraFiles: Record<string, string>;
  discard(): Promise<void>;
}

export const sampleDir = join(root, 'examples/parcel-rates');
export const defectFile = (name: string): string => join(root, 'examples/defects', `${name}.patch`);

/** The sample service, or a copy of the user's repository without its history and installed packages. */
export async function prepareRepository(userDir: string | null): Promise<SourceRepository> {
  if (userDir === null) return copyOf(sampleDir, 'parcel-rates');
  return copyOf(
    resolve(userDir),
    basename(resolve(userDir)).replace(/[^A-Za-z0-9._-]/g, '-') || 'repository',
  );
}

const LEFT_OUT = ['node_modules', '.git', '.env'];

async function copyOf(from: string, name: string): Promise<SourceRepository> {
  const dir = await mkdtemp(join(tmpdir(), 'dogwatch-source-'));
  await cp(from, dir, { recursive: true, filter: (path) => !LEFT_OUT.includes(basename(path)) });
  const hasPipeline = await readFile(join(dir, 'azure-pipelines.yml')).then(
    () => true,
    () => false,
  );
  return {
    name,
    dir,
    extraFiles: hasPipeline ? {} : { 'azure-pipelines.yml': await pipelineFor(dir) },
    discard: () => rm(dir, { recursive: true, force: true }),
  };
}

interface Package {
  scripts?: Record<string, string>;
  dependencies?: Record<string, string>;
  devDependencies?: Record<string, string>;
}

/** Install, build when there is a build, test: the least that a pipeline of a Node repository does. */
async function pipelineFor(dir: string): Promise<string> {
  const manifest = JSON.parse(
    await readFile(join(dir, 'package.json'), 'utf8').catch(() => {
      throw new Error(`${dir} has no package.json: --repo takes a Node repository`);
    }),
  ) as Package;
  if (!manifest.scripts?.test) throw new Error(`${dir}/package.json has no "test" script`);
  const hasLock = await readFile(join(dir, 'package-lock.json')).then(
    () => true,
    () => false,
  );
  const hasDependencies = Object.keys({ ...manifest.dependencies, ...manifest.devDependencies }).length > 0;
  const steps = [
    ...(hasLock ? [{ script: 'npm ci', displayName: 'Install' }] : []),
    ...(!hasLock && hasDependencies ? [{ script: 'npm install', displayName: 'Install' }] : []),
    ...(manifest.scripts.build ? [{ script: 'npm run build', displayName: 'Build' }] : []),
    { script: 'npm test', displayName: 'Test' },
  ];
  return stringify({
    trigger: { branches: { include: ['main', 'feature/*'] } },
    pool: { vmImage: 'ubuntu-latest' },
    steps,
  });
}

/** Fails with the words of git when the patch does not fit the repository. */
export async function checkPatch(dir: string, patchFile: string): Promise<void> {
  try {
    await run('git', ['apply', '--check', resolve(patchFile)], {
      cwd: dir,
      env: { ...process.env, GIT_CEILING_DIRECTORIES: tmpdir() },
    });
  } catch (error) {
    throw new Error(
      `${patchFile} does not apply to the repository: ${(error as { stderr?: string }).stderr ?? error}`,
    );
  }
}
