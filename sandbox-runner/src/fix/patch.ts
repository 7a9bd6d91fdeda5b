export interface PatchLine {
  kind: 'added' | 'removed';
  path: string;
  /** In the new file for added lines, in the old one for removed lines; from 1. */
  line: number;
  text: string;
}

const HUNK = /^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@/;

function pathOf(line: string): string {
  return line
    .slice(4)
    .replace(/^[ab]\//, '')
    .replace(/\t$/, '');
}

/**
 * Added and removed lines of a patch without context (`-U0`). Lines are counted by the hunk's own header,
 * so that content which looks like a header stays content.
 */
export function parsePatch(patch: string): PatchLine[] {
  const found: PatchLine[] = [];
  let oldPath = '';
  let newPath = '';
  let removed = { line: 0, left: 0 };
  let added = { line: 0, left: 0 };
  for (const text of patch.split('\n')) {
    if (removed.left > 0 && text.startsWith('-')) {
      found.push({ kind: 'removed', path: oldPath, line: removed.line, text: text.slice(1) });
      removed = { line: removed.line + 1, left: removed.left - 1 };
    } else if (added.left > 0 && text.startsWith('+')) {
      found.push({ kind: 'added', path: newPath, line: added.line, text: text.slice(1) });
      added = { line: added.line + 1, left: added.left - 1 };
    } else if (text.startsWith('--- ')) oldPath = pathOf(text);
    else if (text.startsWith('+++ ')) newPath = pathOf(text);
    else {
      const hunk = HUNK.exec(text);
      if (!hunk) continue;
      removed = { line: Number(hunk[1]), left: Number(hunk[2] ?? 1) };
      added = { line: Number(hunk[3]), left: Number(hunk[4] ?? 1) };
    }
  }
  return found;
}
