/** Reads Git's unified diffs into runs: the smallest stretches of changed lines that can be undone alone. */
export type Run = {
  file: string;
  commit: string;
  /** 1-based line in the newer file where `after` begins. */
  newStart: number;
  before: string[];
  after: string[];
  /** Unchanged lines around, nearest last (above) or first (below). */
  above: string[];
  below: string[];
  /** What Git prints after `@@`: usually the enclosing function. */
  heading: string;
  /** `before` is not what stood there once, but what should stand there. */
  isMend?: boolean;
};

export type FileChange = {
  commit: string;
  status: 'modified' | 'added' | 'deleted' | 'renamed';
  path: string;
  oldPath: string;
  binary: boolean;
  runs: Run[];
};

export type CommitChange = { sha: string; subject: string; files: FileChange[] };

/** Parses `git log -p --format='commit %H%x09%s'` (or `git diff`, whose commit is ''). */
export function parseLog(text: string): CommitChange[] {
  const commits: CommitChange[] = [];
  let body: string[] = [];
  const flush = (): void => {
    commits.at(-1)?.files.push(...parseDiff(body.join('\n'), commits.at(-1)?.sha ?? ''));
    body = [];
  };
  for (const line of text.split(/\r?\n/)) {
    const head = /^commit ([0-9a-f]{40})\t(.*)$/.exec(line);
    if (head) {
      flush();
      commits.push({ sha: head[1] ?? '', subject: head[2] ?? '', files: [] });
    } else body.push(line);
  }
  flush();
  return commits;
}

export function parseDiff(text: string, commit = ''): FileChange[] {
  const sections = text.split(/^diff --git /m).slice(1);
  return sections.map((section) => parseSection(section, commit));
}

function parseSection(section: string, commit: string): FileChange {
  const lines = section.split(/\r?\n/);
  const firstHunk = lines.findIndex((line) => line.startsWith('@@ '));
  const head = firstHunk < 0 ? lines : lines.slice(0, firstHunk);
  const field = (label: string): string | undefined =>
    head.find((line) => line.startsWith(label))?.slice(label.length);
  const names = /^(?:"?a\/)(.*?)"? "?b\/(.*?)"?$/.exec(lines[0] ?? '');
  const oldPath = unquote(field('rename from ') ?? named(field('--- ')) ?? names?.[1] ?? '');
  const path = unquote(field('rename to ') ?? named(field('+++ ')) ?? names?.[2] ?? oldPath);
  const status =
    field('new file mode') !== undefined
      ? 'added'
      : field('deleted file mode') !== undefined
        ? 'deleted'
        : field('rename from ') !== undefined
          ? 'renamed'
          : 'modified';
  return {
    commit,
    status,
    path,
    oldPath,
    binary: head.some((line) => line.startsWith('Binary files') || line.startsWith('GIT binary patch')),
    runs: firstHunk < 0 ? [] : parseHunks(lines.slice(firstHunk), path, commit),
  };
}

function named(value: string | undefined): string | undefined {
  return value === undefined || value === '/dev/null'
    ? undefined
    : value.replace(/^"?[ab]\//, '').replace(/\t$/, '');
}

function unquote(path: string): string {
  return path.replace(/"$/, '');
}

function parseHunks(lines: readonly string[], file: string, commit: string): Run[] {
  const runs: Run[] = [];
  let at = 0;
  while (at < lines.length) {
    const head = /^@@ -\d+(?:,\d+)? \+(\d+)(?:,\d+)? @@ ?(.*)$/.exec(lines[at] ?? '');
    at += 1;
    if (!head) continue;
    const body: string[] = [];
    while (at < lines.length && /^[ +\-\\]/.test(lines[at] ?? '')) {
      if (!(lines[at] ?? '').startsWith('\\')) body.push(lines[at] ?? '');
      at += 1;
    }
    runs.push(...splitRuns(body, { file, commit, start: Number(head[1]), heading: head[2] ?? '' }));
  }
  return runs;
}

function splitRuns(
  body: readonly string[],
  hunk: { file: string; commit: string; start: number; heading: string },
): Run[] {
  const runs: Run[] = [];
  let newLine = hunk.start;
  let index = 0;
  while (index < body.length) {
    if ((body[index] ?? '').startsWith(' ')) {
      newLine += 1;
      index += 1;
      continue;
    }
    const from = index;
    const before: string[] = [];
    const after: string[] = [];
    while (index < body.length && !(body[index] ?? '').startsWith(' ')) {
      const line = body[index] ?? '';
      (line.startsWith('-') ? before : after).push(line.slice(1));
      index += 1;
    }
    const newText = (part: readonly string[]): string[] =>
      part.filter((line) => !line.startsWith('-')).map((line) => line.slice(1));
    runs.push({
      file: hunk.file,
      commit: hunk.commit,
      newStart: newLine,
      before,
      after,
      above: newText(body.slice(0, from)).slice(-6),
      below: newText(body.slice(index)).slice(0, 6),
      heading: hunk.heading,
    });
    newLine += after.length;
  }
  return runs;
}

/**
 * One run into smaller ones, each of which can be undone alone: lines that changed in place are paired by likeness,
 * lines without a partner stand for themselves. Empty where nothing smaller exists.
 */
export function splitByLine(run: Run): Run[] {
  const { before, after } = run;
  if (after.length === 0 || (before.length <= 1 && after.length <= 1)) return [];
  const partners = pairLines(before, after);
  return after.flatMap((line, index) => {
    const partner = partners[index];
    if (partner === line) return [];
    return [
      {
        ...run,
        newStart: run.newStart + index,
        before: partner === undefined ? [] : [partner],
        after: [line],
        above: [...run.above, ...after.slice(0, index)].slice(-6),
        below: [...after.slice(index + 1), ...run.below].slice(0, 6),
      },
    ];
  });
}

/** For each new line the old line it came from, in order; all of them when the counts are equal. */
function pairLines(before: readonly string[], after: readonly string[]): (string | undefined)[] {
  if (before.length === after.length) return [...before];
  let from = 0;
  return after.map((line) => {
    const likeness = before.map((old, index) => (index < from ? 0 : likenessOf(old, line)));
    const best = Math.max(0, ...likeness);
    if (best < 0.5) return undefined;
    const index = likeness.indexOf(best);
    from = index + 1;
    return before[index];
  });
}

/** The share of the longer line that both begin and end alike, 0..1. */
function likenessOf(left: string, right: string): number {
  const [a, b] = [left.trim(), right.trim()];
  const longest = Math.max(a.length, b.length);
  const shortest = Math.min(a.length, b.length);
  if (longest === 0) return 1;
  let head = 0;
  while (head < shortest && a[head] === b[head]) head += 1;
  let tail = 0;
  while (tail < shortest - head && a.at(-1 - tail) === b.at(-1 - tail)) tail += 1;
  return (head + tail) / longest;
}
