import {
  blockEnd,
  type FailingTest,
  failing,
  indentOf,
  MAX_FOUND,
  type Recogniser,
  withoutDuration,
} from './found.ts';

const NUMBERED = /^ +(\d{1,5})\) (.+)$/;

/** The summary of mocha (and of what prints like it): `1 failing`, then numbered titles that end in a colon. */
export const mocha: Recogniser = (lines) => {
  const found: FailingTest[] = [];
  for (let summary = 0; summary < lines.length; summary += 1) {
    if (!/^ +\d+ failing$/.test(lines[summary] ?? '')) continue;
    let wanted = 1;
    const start = summary + 1;
    for (let at = start; at < lines.length && found.length < MAX_FOUND; at += 1) {
      const line = lines[at] ?? '';
      if (/^ +\d+ (?:passing|failing)/.test(line)) break;
      summary = at;
      const match = NUMBERED.exec(line);
      if (!match || Number(match[1]) !== wanted) continue;
      const title = readTitle(lines, at, match[2] ?? '');
      if (!title) continue;
      const next = wanted + 1;
      const end = blockEnd(
        lines,
        title.last,
        (text) => text.startsWith('  ') && text.trimStart().startsWith(`${next}) `),
      );
      const nameLines = Array.from({ length: title.last - at + 1 }, (_, index) => at + index + 1);
      found.push(failing({ framework: 'mocha', path: title.path, at, end, nameLines }));
      wanted = next;
      at = title.last;
    }
  }
  return found;
};

/** One level a line, each indented deeper; the last ends in a colon. */
function readTitle(
  lines: readonly string[],
  at: number,
  first: string,
): { path: string[]; last: number } | null {
  const path: string[] = [first];
  let indent = indentOf(lines[at] ?? '');
  for (let last = at; last < at + 20; last += 1) {
    if (last > at) {
      const line = lines[last] ?? '';
      if (line.trim() === '' || indentOf(line) <= indent) return null;
      indent = indentOf(line);
      path.push(line.trim());
    }
    const text = path.at(-1) ?? '';
    if (text.endsWith(':')) {
      path[path.length - 1] = text.slice(0, -1);
      return { path, last };
    }
  }
  return null;
}

const JEST_NOISE =
  /^(?:Console|Validation Warning|Deprecation Warning|Validation Error|Multiple configurations)/;

/** jest: `FAIL file`, then `● suite › test` with its block; the closing summary repeats them. */
export const jest: Recogniser = (lines) => {
  const found: FailingTest[] = [];
  const seen = new Set<string>();
  let file: string | null = null;
  let isJest = false;
  for (let at = 0; at < lines.length; at += 1) {
    const line = lines[at] ?? '';
    const failed: string | undefined =
      /^ ?FAIL +(?:\w+ +)?([\w@./\\-]+\.[cm]?[jt]sx?)(?: \([\d.]+ m?s\))?$/.exec(line)?.[1];
    if (failed) {
      file = failed;
      isJest = true;
      continue;
    }
    if (!isJest || !line.includes('●') || indentOf(line) > 4) continue;
    const bullet = line.trimStart();
    if (!bullet.startsWith('● ')) continue;
    const title = bullet.slice(2).trim();
    if (title === '' || JEST_NOISE.test(title)) continue;
    const unloaded = title === 'Test suite failed to run';
    const path = unloaded ? [file ?? title] : title.split(' › ');
    const key = `${file}\n${title}`;
    if (seen.has(key)) continue;
    seen.add(key);
    const end = blockEnd(
      lines,
      at,
      (text) => text.trimStart().startsWith('● ') || /^(?: ?(?:FAIL|PASS) |Test Suites:|Tests:)/.test(text),
    );
    found.push(failing({ framework: 'jest', path, at, end, file }));
  }
  return found;
};

const VITEST_FAIL = /^\s{0,4}FAIL {1,4}(\S.*)$/;
const SCRIPT_FILE = /\.[cm]?[jt]sx?$/;

/** vitest: ` FAIL  file > suite > test`, between rulers `⎯⎯[1/2]⎯`. */
export const vitest: Recogniser = (lines) => {
  const found: FailingTest[] = [];
  for (let at = 0; at < lines.length; at += 1) {
    const title = VITEST_FAIL.exec(lines[at] ?? '')?.[1]?.trim();
    if (!title) continue;
    const parts = title.replace(/^\|[^|]{1,100}\| +/, '').split(' > ');
    const file = (parts[0] ?? '').replace(/^\S{1,60} +(?=\S+\.[cm]?[jt]sx?$)/, '').trim();
    const unloaded = /^(\S+\.[cm]?[jt]sx?) \[ .+ \]$/.exec(title)?.[1];
    if (!unloaded && (parts.length < 2 || !SCRIPT_FILE.test(file))) continue;
    const end = blockEnd(lines, at, (text) => /^\s*⎯+/.test(text) || VITEST_FAIL.test(text));
    found.push(
      failing({
        framework: 'vitest',
        path: unloaded ? [unloaded] : parts.slice(1),
        at,
        end,
        file: unloaded ?? file,
      }),
    );
  }
  return found.length > 0 ? found : vitestTree(lines);
};

/** A log that was cut before the summary still has the crosses of the running tests. */
function vitestTree(lines: readonly string[]): FailingTest[] {
  const isVitest = lines.some((line) => /^\s*(?:RUN|DEV) +v\d+\.\d/.test(line));
  if (!isVitest) return [];
  return lines.flatMap((line, at) => {
    const indent = indentOf(line);
    if (line[indent] !== '×' && line[indent] !== '✗') return [];
    return [failing({ framework: 'vitest', path: withoutDuration(line.slice(indent + 2)).split(' > '), at })];
  });
}

const PLAYWRIGHT = /^ +\d{1,5}\) (\[[^\]]{1,60}\] › )?(\S+\.[cm]?[jt]sx?:\d+):\d+ › (.+?)[ ─]*$/;

/** Playwright: `1) [chromium] › file.spec.ts:3:1 › suite › test ────`. */
export const playwright: Recogniser = (lines) =>
  lines.flatMap((line, at) => {
    const match = line.includes(' › ') && line.length < 600 ? PLAYWRIGHT.exec(line) : null;
    if (!match) return [];
    const end = blockEnd(lines, at, (text) => PLAYWRIGHT.test(text) || /^ +\d+ (?:failed|passed)/.test(text));
    return [
      failing({
        framework: 'playwright',
        path: (match[3] ?? '').split(' › '),
        at,
        end,
        file: match[2] ?? null,
      }),
    ];
  });
