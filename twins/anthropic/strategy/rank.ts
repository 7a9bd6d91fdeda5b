/** Orders changed runs by how likely they are the cause, from what the failure shows. Pure; higher is likelier. */
import type { FailureReport } from './failure-report.ts';
import type { Run } from './hunks.ts';
import { fileKind, importsOf, resolveImport, stem, withoutExtension } from './paths.ts';

export type Clues = {
  report: FailureReport;
  /** The failing test files' text, by path: their imports and words. */
  testTexts: Record<string, string>;
  /** Changed files whose text is known, by path: their imports carry suspicion on. */
  sourceTexts: Record<string, string>;
  /** Everything the commits changed. */
  runs: readonly Run[];
};

const kindScore = { source: 20, data: 16, config: 8, lock: 1, test: -25, pipeline: -40, docs: -60 };

export function scoreRun(run: Run, clues: Clues): number {
  return (
    kindScore[fileKind(run.file)] +
    positionScore(run, clues.report) +
    importScore(run.file, clues) +
    wordScore(run, clues) +
    (isTrivial(run) && clues.report.kind !== 'lint' ? -30 : 0) +
    (run.before.length > 0 && run.after.length > 0 ? 4 : 0) +
    (run.before.length + run.after.length <= 6 ? 2 : 0)
  );
}

function positionScore(run: Run, report: FailureReport): number {
  const inFile = report.positions.filter((position) => position.file === run.file);
  if (inFile.length === 0) return 0;
  const distance = Math.min(...inFile.map((position) => distanceTo(run, position.line)));
  return 20 + (distance === 0 ? 40 : distance <= 3 ? 20 : distance <= 15 ? 6 : 0);
}

function distanceTo(run: Run, line: number): number {
  const last = run.newStart + Math.max(0, run.after.length - 1);
  return line < run.newStart ? run.newStart - line : Math.max(0, line - last);
}

/** Imported by the failing test: strong. Imported by what it imports: some. The same stem: strong. */
function importScore(file: string, clues: Clues): number {
  const own = withoutExtension(file);
  const tests = Object.entries(clues.testTexts);
  const direct = new Set(
    tests.flatMap(([path, text]) => importsOf(text).map((to) => resolveImport(path, to))),
  );
  const name = stem(file);
  if (direct.has(own) || tests.some(([path]) => stem(path) === name)) return 18;
  if (tests.some(([, text]) => text.includes(file.split('/').at(-1) ?? file))) return 14;
  const further = Object.entries(clues.sourceTexts).filter(([path]) => direct.has(withoutExtension(path)));
  const indirect = further.flatMap(([path, text]) => importsOf(text).map((to) => resolveImport(path, to)));
  if (indirect.includes(own)) return 9;
  return further.some(([, text]) => text.includes(file.split('/').at(-1) ?? file)) ? 9 : 0;
}

/** Words of the failing test (its titles, message and body) that the run or its function also uses. */
function wordScore(run: Run, clues: Clues): number {
  const failing = clues.report.failing.map((test) => `${test.path.join(' ')} ${test.message}`).join(' ');
  const wanted = wordsOf(`${failing} ${clues.report.message}`);
  const text = [run.heading, ...run.before, ...run.after, ...run.above.slice(-2)].join(' ');
  const shared = [...wordsOf(text)].filter((word) => wanted.has(word)).length;
  const named = namesIn(failingLines(clues));
  const sharedNames = [...namesIn([...run.before, ...run.after].join(' '))].filter((name) => named.has(name));
  return Math.min(12, shared * 3) + Math.min(8, sharedNames.length * 4);
}

/** The lines of the failing tests themselves. */
function failingLines({ report, testTexts }: Clues): string {
  return report.failing
    .flatMap((test) => {
      const text = test.file === undefined ? undefined : testTexts[test.file];
      return text === undefined || test.line === undefined
        ? []
        : text.split('\n').slice(test.line - 1, test.line + 6);
    })
    .join(' ');
}

const everywhere =
  /^(assert|expect|test|describe|it|equal|strictEqual|deepEqual|deepStrictEqual|toBe|toEqual|const|export|function|return|async|await|value|input|result|true|false|import|from)$/;

function namesIn(text: string): Set<string> {
  return new Set((text.match(/[A-Za-z_$][\w$]{2,}/g) ?? []).filter((name) => !everywhere.test(name)));
}

const dull = new Set(
  'the and for with from that this return const let var function export import expected actual values strictly equal error test should not are when'.split(
    ' ',
  ),
);

function wordsOf(text: string): Set<string> {
  const split = text.replace(/([a-z])([A-Z])/g, '$1 $2').toLowerCase();
  return new Set((split.match(/[a-z]{3,}|\d{2,}/g) ?? []).filter((word) => !dull.has(word)));
}

/** Only comments, blanks or layout changed. */
export function isTrivial(run: Run): boolean {
  return meaning(run.before) === meaning(run.after);
}

function meaning(lines: readonly string[]): string {
  return lines.map((line) => line.replace(/^\s*(\/\/|#|\*|\/\*).*$/, '').replace(/\s+/g, '')).join('');
}
