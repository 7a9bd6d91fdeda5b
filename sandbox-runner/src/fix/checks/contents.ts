import type { Check } from '../fix-under-check.ts';
import { refusal, some } from '../refusal.ts';

const LFS_POINTER = /^version https:\/\/(?:git-lfs\.github\.com|hawser\.github\.com)\/spec\//;

const pathsOf = (lines: readonly { path: string }[]): string[] => [...new Set(lines.map(({ path }) => path))];

/** A pointer names content that is elsewhere: nobody has checked that, and the push would not bring it along. */
export const checkLfsPointers: Check = ({ historyLines }) => {
  const pointers = historyLines.filter(({ kind, text }) => kind === 'added' && LFS_POINTER.test(text));
  if (pointers.length === 0) return [];
  return [refusal('lfs_pointer', `No Git LFS pointers: ${some(pathsOf(pointers))}.`)];
};

/** What a person cannot read in a difference, nobody can approve. */
export const checkBinaries: Check = ({ historyLines }) => {
  const binaries = historyLines.filter(({ kind, text }) => kind === 'added' && text.includes('\0'));
  if (binaries.length === 0) return [];
  return [refusal('binary_file', `No binary files: ${some(pathsOf(binaries))}. Report what is needed.`)];
};
