import { git, gitText } from '../git/git.ts';
import { parseRawDiff } from './changes.ts';

/** What broke a build is seldom older; what is older is no state that anybody wants back unseen. */
const MAX_ANCESTORS = 30;
const MAX_TEXTS = 10;

/**
 * What files held before the latest commits on the way to `base` changed them: whoever puts that back adds nothing
 * new. By path, newest first, each text once. Only history that was there before the agent is read.
 */
export async function earlierTexts(
  gitDir: string,
  base: string,
  paths: readonly string[],
): Promise<Map<string, string[]>> {
  const found = new Map<string, string[]>();
  if (paths.length === 0) return found;
  const line = await gitText(['rev-list', '--first-parent', '-n', String(MAX_ANCESTORS + 1), base], {
    gitDir,
  });
  const ancestors = line.split('\n').filter(Boolean);
  const oldest = ancestors.length > MAX_ANCESTORS ? ancestors.at(-1) : undefined;
  const range = oldest === undefined ? [base] : [base, `^${oldest}`];
  for (const path of paths.slice(0, 40)) {
    const pathspec = ['--', `:(literal)${path}`];
    const log = ['log', '--first-parent', '-m', '--format=', '-z', '--raw', '--no-renames', '--no-abbrev'];
    const raw = (await git([...log, ...range, ...pathspec], { gitDir })).toString('utf8');
    const blobs = [...new Set(parseRawDiff(raw).map(({ oldBlob }) => oldBlob))].filter(
      (id) => !/^0+$/.test(id),
    );
    const texts: string[] = [];
    for (const blob of blobs.slice(0, MAX_TEXTS))
      texts.push((await git(['cat-file', 'blob', blob], { gitDir })).toString('utf8'));
    found.set(path, texts);
  }
  return found;
}
