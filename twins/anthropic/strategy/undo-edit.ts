import type { Run } from './hunks.ts';

export type TextEdit = { oldText: string; newText: string };

/**
 * The Edit that puts a run's old lines back into `text`: with as few lines around as make it unique.
 * `undefined` when the file no longer has those lines, or has them twice with the same surroundings.
 */
export function undoEdit(text: string, run: Run): TextEdit | undefined {
  for (let context = run.after.length === 0 ? 1 : 0; context <= 6; context += 1) {
    const above = context === 0 ? [] : run.above.slice(-context);
    const below = run.below.slice(0, context);
    // Lines are only taken away or added whole when a neighbour keeps the line break in place.
    if (context === 0 && run.before.length === 0) continue;
    const oldText = [...above, ...run.after, ...below].join('\n');
    const newText = [...above, ...run.before, ...below].join('\n');
    if (oldText.trim() === '' || !text.includes(oldText)) {
      if (context === 0) continue;
      if (!text.includes(oldText)) return undefined;
      continue;
    }
    if (occurrences(text, oldText) === 1) return { oldText, newText };
  }
  return undefined;
}

export function occurrences(text: string, part: string): number {
  return text.split(part).length - 1;
}

/** The unified patch that undoes a run, for `git apply`; it needs no exact line numbers with `--recount`. */
export function undoPatch(run: Run): string {
  const above = run.above.slice(-3);
  const below = run.below.slice(0, 3);
  const start = Math.max(1, run.newStart - above.length);
  const newCount = above.length + run.after.length + below.length;
  const oldCount = above.length + run.before.length + below.length;
  return [
    `--- a/${run.file}`,
    `+++ b/${run.file}`,
    `@@ -${start},${newCount} +${start},${oldCount} @@`,
    ...above.map((line) => ` ${line}`),
    ...run.after.map((line) => `-${line}`),
    ...run.before.map((line) => `+${line}`),
    ...below.map((line) => ` ${line}`),
    '',
  ].join('\n');
}

/** The file's text out of a Read result: `<number><tab><line>` rows; other rows are the client's remarks. */
export function textFromRead(result: string): string {
  const rows = result.split(/\r?\n/).map((line) => /^\s*\d+[\t→](.*)$/.exec(line));
  return rows.flatMap((row) => (row ? [row[1] ?? ''] : [])).join('\n');
}
