import type { Check } from '../fix-under-check.ts';
import { refusal, some } from '../refusal.ts';

/** Control, invisible, unassigned and private characters; what other systems read as a separator. */
const STRANGE = /[\p{Cc}\p{Cf}\p{Cn}\p{Co}\p{Cs}\p{Zl}\p{Zp}\\"\uFFFD]/u;
const MAX_PATH_CHARS = 300;

/** Windows drops dots and blanks at the end of a name, and reads what follows a colon as a stream of the file. */
const isStrangePart = (part: string): boolean => /^\.{1,2}$|[. ]$|:/.test(part);

/** A path as the most forgiving file system would read it. */
export const foldedPath = (path: string): string =>
  path
    .normalize('NFKC')
    .replace(/[\p{Cf}\p{Cc}]/gu, '')
    .split('/')
    .map((part) => part.replace(/:.*$/, '').replace(/[. ]+$/, ''))
    .join('/')
    .toLowerCase();

export const checkNames: Check = ({ history }) => {
  const strange = history.filter(
    ({ path, status }) =>
      STRANGE.test(path) ||
      path.length > MAX_PATH_CHARS ||
      // What stands in the repository already may be named as it is.
      (status === 'added' && (path !== path.normalize('NFC') || path.split('/').some(isStrangePart))),
  );
  if (strange.length === 0) return [];
  const names = [...new Set(strange.map(({ path }) => path))];
  return [refusal('strange_path', `Names not taken: ${JSON.stringify(some(names, 5))}.`)];
};

/** A new name that some file systems cannot tell from one that was there: one of the two would win. */
export const checkCollisions: Check = ({ history, basePaths }) => {
  const known = new Map<string, string>();
  const collide: string[] = [];
  const added = history.filter(({ status }) => status === 'added').map(({ path }) => path);
  for (const path of [...basePaths, ...added]) {
    const folded = foldedPath(path);
    const other = known.get(folded);
    if (other === undefined) known.set(folded, path);
    else if (other !== path && added.includes(path)) collide.push(`${path} and ${other}`);
  }
  if (collide.length === 0) return [];
  return [
    refusal(
      'path_collision',
      `Some systems hold these names for the same: ${some([...new Set(collide)], 5)}.`,
    ),
  ];
};
