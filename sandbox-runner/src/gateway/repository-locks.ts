import { git, readBlob } from '../git/git.ts';

const MAX_LOCKS = 50;

const isLock = (path: string): boolean =>
  /(?:^|\/)(?:package-lock|npm-shrinkwrap)\.json$/.test(path) && !path.includes('node_modules/');

/** The lock files of a commit, from a repository of ours: what a container says of its checkout does not count. */
export async function readLocks(
  repository: string,
  commit: string,
  overlay: readonly { path: string; fromCommit: string | null }[] = [],
): Promise<string[]> {
  const listing = await git(['ls-tree', '-r', '-z', '--name-only', commit], { gitDir: repository });
  const sources = new Map<string, string | null>();
  for (const path of listing.toString('utf8').split('\0')) if (isLock(path)) sources.set(path, commit);
  for (const { path, fromCommit } of overlay) if (isLock(path)) sources.set(path, fromCommit);
  const texts: string[] = [];
  for (const [path, from] of [...sources].slice(0, MAX_LOCKS)) {
    const blob = from === null ? null : await readBlob(repository, from, path);
    if (blob) texts.push(blob.toString('utf8'));
  }
  return texts;
}
