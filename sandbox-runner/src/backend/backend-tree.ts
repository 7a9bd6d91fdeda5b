import { spawn } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PassThrough, type Readable } from 'node:stream';
import type { CommandSpec } from './sandbox.ts';

/** One step of laying out a tree: unpack this tar, or remove these paths. */
export type TreeStep = { kind: 'unpack'; open: () => Readable } | { kind: 'remove'; paths: string[] };

/** The tree's own attributes must not decide what of it is tested (`export-ignore`). */
const ATTRIBUTES = '* -export-ignore -export-subst\n';

async function prepare(repository: string): Promise<void> {
  const file = join(repository, 'info', 'attributes');
  if ((await readFile(file, 'utf8').catch(() => '')) === ATTRIBUTES) return;
  await mkdir(join(repository, 'info'), { recursive: true });
  await writeFile(file, ATTRIBUTES);
}

/**
 * `git archive` reads objects and writes a tar: no checkout, no hook, no filter, no configuration but the
 * repository's, which is the runner's own.
 */
function archive(repository: string, commit: string, paths: string[]): Readable {
  const args = ['--git-dir', repository, '--literal-pathspecs', 'archive', '--format=tar', '--', commit];
  args.push(...paths);
  const env = {
    PATH: process.env.PATH ?? '',
    HOME: '/nonexistent',
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_CONFIG_GLOBAL: '/dev/null',
  };
  const child = spawn('git', args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let complaint = '';
  child.stderr.on('data', (chunk: Buffer) => {
    complaint = (complaint + chunk.toString('utf8')).slice(0, 2_000);
  });
  // Read from at once: Node throws away what a finished child has said and nobody has begun to read.
  const tar = new PassThrough();
  child.stdout.pipe(tar, { end: false });
  child.on('error', (error) => tar.destroy(error));
  child.on('close', (code) => {
    if (code === 0) tar.end();
    else tar.destroy(new Error(`git archive of ${commit} ended with ${code}: ${complaint}`));
  });
  return tar;
}

/** The checkout of a proof, in order: the commit's tree, then what is removed, then what is laid over it. */
export async function treeSteps(
  spec: Pick<CommandSpec, 'repository' | 'commit' | 'overlay'>,
): Promise<TreeStep[]> {
  await prepare(spec.repository);
  const steps: TreeStep[] = [{ kind: 'unpack', open: () => archive(spec.repository, spec.commit, []) }];
  // A file that is replaced is removed first: unpacking must not write through a link that stands there.
  const paths = spec.overlay.map(({ path }) => path);
  if (paths.length > 0) steps.push({ kind: 'remove', paths });
  const byCommit = new Map<string, string[]>();
  for (const { path, fromCommit } of spec.overlay) {
    if (fromCommit !== null) byCommit.set(fromCommit, [...(byCommit.get(fromCommit) ?? []), path]);
  }
  for (const [commit, files] of byCommit) {
    steps.push({ kind: 'unpack', open: () => archive(spec.repository, commit, files) });
  }
  return steps;
}
