import { mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { git, gitText, runGit } from '../git/git.ts';
import { MAX_BUNDLE_BYTES, parseBundle } from './bundle.ts';
import { type Refusal, refusal } from './refusal.ts';

export type TakenIn = { ok: true; gitDir: string } | { ok: false; refusal: Refusal };

/** Inflated, a pack of allowed size could still be huge: this bounds what is read of it. */
const MAX_PACK_BYTES = 2 * MAX_BUNDLE_BYTES;

/**
 * Unpacks a bundle that came out of a container into a bare repository of its own at `gitDir`. The mirror
 * lends its objects. `index-pack --strict` looks at every object (fetching from a bundle would not), nothing
 * is checked out, and no credential is near.
 */
export async function takeIn(options: {
  bundlePath: string;
  head: string;
  mirror: string;
  gitDir: string;
}): Promise<TakenIn> {
  const refuse = (...why: Parameters<typeof refusal>): TakenIn => ({ ok: false, refusal: refusal(...why) });
  const file = await stat(options.bundlePath).catch(() => null);
  if (!file?.isFile())
    return refuse('bundle_unreadable', 'No bundle arrived. Commit your work, then submit again.');
  if (file.size > MAX_BUNDLE_BYTES)
    return refuse(
      'bundle_too_large',
      `The commits hold ${file.size} bytes; at most ${MAX_BUNDLE_BYTES} are taken.`,
    );
  const bytes = await readFile(options.bundlePath);
  const bundle = parseBundle(bytes);
  if (!bundle.ok) return refuse('bundle_unreadable', `The bundle cannot be read: ${bundle.fault}.`);

  const { gitDir } = options;
  await rm(gitDir, { recursive: true, force: true });
  await git(['init', '--quiet', '--bare', gitDir]);
  await mkdir(join(gitDir, 'objects', 'info'), { recursive: true });
  await writeFile(join(gitDir, 'objects', 'info', 'alternates'), `${join(options.mirror, 'objects')}\n`);
  const indexed = await runGit(
    ['index-pack', '--strict', '--stdin', '--fix-thin', `--max-input-size=${MAX_PACK_BYTES}`],
    { gitDir, input: bytes.subarray(bundle.packOffset), timeoutMs: 60_000, confined: true },
  );
  if (indexed.exitCode !== 0)
    return refuse('bundle_unreadable', `Git refuses the objects: ${indexed.stderr.trim().slice(-500)}`);
  if (!bundle.refs.includes(options.head) || !(await isCommit(gitDir, options.head)))
    return refuse('head_missing', `The bundle does not hold the commit ${options.head}.`);
  await git(['update-ref', 'refs/heads/fix', options.head], { gitDir });
  return { ok: true, gitDir };
}

/** A tag that leads to a commit is none. */
const isCommit = async (gitDir: string, id: string): Promise<boolean> =>
  (await runGit(['cat-file', '-t', id], { gitDir })).stdout.toString('utf8').trim() === 'commit';

/** A bundle of exactly the commits that were checked, made by us. */
export async function packFix(gitDir: string, base: string, path: string): Promise<Buffer> {
  await gitText(['bundle', 'create', '--quiet', path, 'refs/heads/fix', `^${base}`], { gitDir });
  return readFile(path);
}
