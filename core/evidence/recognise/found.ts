/** A failing test that a recogniser read off a log. Line numbers count from 1 and include both ends. */
export type FailingTest = {
  /** The whole name as its framework tells it: suites and test joined with ` > `, or `Class.method`. */
  name: string;
  /** From the outermost suite to the test itself. */
  path: string[];
  framework: string;
  /** Where the test stands, as the log writes it (`test/a.test.ts:12`), where it does. */
  file: string | null;
  /** The lines that tell the name. */
  nameLines: number[];
  /** What the block says went wrong, and the line that says it. */
  message: { line: number; text: string } | null;
  /** The block with its message. */
  fromLine: number;
  toLine: number;
};

/** Reads failing tests off the cleaned lines of a log (index 0 is line 1). Linear in their length. */
export type Recogniser = (lines: readonly string[]) => FailingTest[];

/** A block is cut here: what an assertion says stands at its beginning. */
const MAX_BLOCK_LINES = 120;

/** Reading stops here: a log that names more failures is broken in one place, or written to keep us busy. */
export const MAX_FOUND = 5_000;

type FoundAt = {
  framework: string;
  path: string[];
  /** Index of the line that tells the name. */
  at: number;
  /** Index of the block's last line. */
  end?: number;
  /** Index of the block's first line, where that is not the name's. */
  start?: number;
  nameLines?: number[];
  file?: string | null;
  separator?: string;
};

export function failing(found: FoundAt): FailingTest {
  const path = found.path.map((part) => part.trim()).filter((part) => part !== '');
  const start = found.start ?? found.at;
  return {
    name: path.join(found.separator ?? ' > '),
    path,
    framework: found.framework,
    file: found.file ?? null,
    nameLines: found.nameLines ?? [found.at + 1],
    message: null,
    fromLine: start + 1,
    toLine: Math.max(found.end ?? found.at, found.at) + 1,
  };
}

/** Index of the last line of a block that begins after `start` and stops before the first line that `ends` it. */
export function blockEnd(
  lines: readonly string[],
  start: number,
  ends: (line: string) => boolean,
  maxLines = MAX_BLOCK_LINES,
): number {
  const limit = Math.min(lines.length, start + 1 + maxLines);
  let last = start;
  for (let index = start + 1; index < limit; index += 1) {
    const line = lines[index] ?? '';
    if (ends(line)) break;
    if (line.trim() !== '') last = index;
  }
  return last;
}

/** Number of leading blanks. */
export function indentOf(line: string): number {
  let width = 0;
  while (line[width] === ' ' || line[width] === '\t') width += 1;
  return width;
}

/** The text before a closing ` (12.3ms)` or ` 12ms`, as most runners print behind a name. */
export function withoutDuration(name: string): string {
  const trimmed = name.trimEnd();
  const open = trimmed.endsWith(')') ? trimmed.lastIndexOf(' (') : -1;
  if (open !== -1 && /^ \(\d+(?:[.,]\d+)? ?(?:ms|s|m)\)$/.test(trimmed.slice(open)))
    return trimmed.slice(0, open).trimEnd();
  const space = trimmed.lastIndexOf(' ');
  return space !== -1 && /^ \d+(?:\.\d+)?m?s$/.test(trimmed.slice(space))
    ? trimmed.slice(0, space).trimEnd()
    : trimmed;
}
