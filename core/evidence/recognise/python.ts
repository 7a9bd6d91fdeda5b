import { blockEnd, type FailingTest, failing, type Recogniser } from './found.ts';

const SUMMARY = /^(?:FAILED|ERROR|SUBFAIL(?:ED)?(\(.{0,100}?\)|\[.{0,100}?\])?) (\S+?\.pyx?)((?:::.*)?)$/;
const VERBOSE =
  /^(?:\[gw\d+\] +(?:\[ *\d+%\] +)?(?:FAILED|ERROR) +)?(\S+\.pyx?)(::.+?) (?:FAILED|ERROR)(?: +\[ *\d+%\])?$/;
/** What headings of errors outside a test's body say before its name. */
const NOT_A_NAME = /^ERROR (?:at (?:setup|teardown) of|collecting) /;
/** pytest prints the source of every frame before it says what went wrong. */
const MAX_TRACE_LINES = 3_000;
const HEADING = /^_{3,} (.{1,400}) _{3,}$/;

/** pytest: the short summary (`FAILED file::test - message`), else verbose lines, else the headings of FAILURES. */
export const pytest: Recogniser = (lines) => {
  const blocks = readHeadings(lines);
  const byTitle = new Map(blocks.map((block) => [block.title.replace(NOT_A_NAME, ''), block]));
  const named = new Map<string, FailingTest>();
  const add = (file: string, tail: string, at: number) => {
    const parts = tail.split('::').filter((part) => part !== '');
    const key = [file, ...parts].join('::');
    if (named.has(key)) return;
    const block = byTitle.get(parts.length === 0 ? file : parts.join('.'));
    named.set(key, {
      ...failing({ framework: 'pytest', path: [file, ...parts], separator: '::', at, file }),
      ...(block ? { fromLine: block.at + 1, toLine: block.end + 1 } : {}),
    });
  };

  for (let at = 0; at < lines.length; at += 1) {
    const line = lines[at] ?? '';
    if (!line.includes('.py') || !(line.includes('FAILED') || line.startsWith('ERROR '))) continue;
    const summary = SUMMARY.exec(withoutMessage(line));
    if (summary) add(summary[2] ?? '', `${summary[3] ?? ''}${summary[1] ? ` ${summary[1]}` : ''}`, at);
    else {
      const verbose = VERBOSE.exec(line.trimEnd());
      if (verbose) add(verbose[1] ?? '', verbose[2] ?? '', at);
    }
  }
  if (named.size > 0) return [...named.values()];
  return blocks.map((block) =>
    failing({
      framework: 'pytest',
      path: block.title.replace(NOT_A_NAME, '').split('.'),
      separator: '.',
      at: block.at,
      end: block.end,
    }),
  );
};

/** Parameters may hold ` - ` themselves, so after a bracket the message begins behind the closing one. */
function withoutMessage(line: string): string {
  const dash = line.indexOf(' - ');
  const bracket = line.indexOf('[', line.indexOf('::'));
  const isParameter = bracket !== -1 && bracket < dash;
  const end = isParameter ? line.indexOf('] - ', bracket) + 1 : dash;
  return (end > 0 ? line.slice(0, end) : line).trimEnd();
}

function readHeadings(lines: readonly string[]): { title: string; at: number; end: number }[] {
  const blocks: { title: string; at: number; end: number }[] = [];
  let inside = false;
  for (let at = 0; at < lines.length; at += 1) {
    const line = lines[at] ?? '';
    if (line.startsWith('===')) inside = /^=+ (?:FAILURES|ERRORS) =+$/.test(line);
    if (!inside || !line.startsWith('___')) continue;
    const title = HEADING.exec(line)?.[1];
    if (!title) continue;
    const end = blockEnd(lines, at, (text) => HEADING.test(text) || /^=+ .+ =+$/.test(text), MAX_TRACE_LINES);
    blocks.push({ title, at, end });
  }
  return blocks;
}

const UNITTEST = /^(?:FAIL|ERROR): (\S.{0,400})$/;

/** unittest, Django and nose: `FAIL: test (module.Class)` under a ruler of `=` and above one of `-`. */
export const unittest: Recogniser = (lines) =>
  lines.flatMap((line, at) => {
    const title =
      line.startsWith('FAIL: ') || line.startsWith('ERROR: ') ? UNITTEST.exec(line)?.[1] : undefined;
    if (!title || !/^={20,}$/.test(lines[at - 1] ?? '')) return [];
    const ruled = [1, 2, 3].some((offset) => /^-{20,}$/.test(lines[at + offset] ?? ''));
    if (!ruled) return [];
    const end = blockEnd(lines, at, (text) => /^={20,}$/.test(text) || /^Ran \d+ tests? in /.test(text));
    return [failing({ framework: 'unittest', path: unittestPath(title), separator: '.', at, end })];
  });

/** `test_x (pkg.Class)` and, since Python 3.11, `test_x (pkg.Class.test_x)`; sub-tests add their parameters. */
function unittestPath(title: string): string[] {
  const match = /^(\w+) \(([\w.]+)\)(.*)$/.exec(title);
  if (!match) return [title];
  const [, test = '', owner = '', rest = ''] = match;
  const parts = owner.split('.');
  if (parts.at(-1) === test) parts.pop();
  return [...parts, `${test}${rest}`];
}
