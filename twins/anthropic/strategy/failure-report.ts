/** Reads what a failed command printed: which tests, where in the code, and what kind of failure it is. */
import { failedScriptOf, stepKind } from '../../../core/evidence/step-command.ts';
import { stripAnsi } from './log-lines.ts';
import { isTestFile } from './paths.ts';
import type { FailingTest } from './reports/failing-test.ts';
import { readMocha } from './reports/mocha.ts';
import { readNodeSpec, readTap } from './reports/node-test.ts';
import { readAva, readHandWritten, readUvu } from './reports/other-runners.ts';
import { readJest, readVitest } from './reports/vitest-jest.ts';

export type Position = { file: string; line: number };

export type FailureReport = {
  passed: boolean;
  kind: 'test' | 'lint' | 'types' | 'other';
  failing: FailingTest[];
  /** Places of the repository that the output names, in order, each once. Files are relative to the root. */
  positions: Position[];
  /** The line that says best what is wrong. */
  message: string;
  /** What fails, in words that stay the same when lines move: for comparing two runs. */
  keys: string[];
  output: string;
};

const readers = [readNodeSpec, readVitest, readJest, readMocha, readAva, readTap, readUvu, readHandWritten];

export function readFailure(rawOutput: string, exitCode: number, root: string): FailureReport {
  const output = withoutWarnings(stripAnsi(rawOutput));
  const lines = output.split('\n');
  const failing = exitCode === 0 ? [] : firstNonEmpty(lines).map((test) => localise(test, root));
  const positions = readPositions(lines, root);
  const message = bestMessage(lines, failing);
  const kind = kindOf(output, failing);
  return {
    passed: exitCode === 0,
    kind,
    failing,
    positions,
    message,
    keys: keysOf(kind, failing, lines, message, root),
    output,
  };
}

/** The package manager's own remarks are about the machine, not about the failure. */
function withoutWarnings(output: string): string {
  return output.replace(/^npm (warn|notice)\b.*\n?/gim, '');
}

function firstNonEmpty(lines: readonly string[]): FailingTest[] {
  for (const read of readers) {
    const found = read(lines);
    if (found.length > 0) return found;
  }
  return [];
}

function localise(test: FailingTest, root: string): FailingTest {
  return { ...test, file: test.file === undefined ? undefined : relativeTo(root, test.file) };
}

export function relativeTo(root: string, path: string): string {
  const plain = path.replace(/^file:\/\//, '');
  return (plain.startsWith(`${root}/`) ? plain.slice(root.length + 1) : plain).replace(/^\.\//, '');
}

const extension = '(?:[cm]?[jt]sx?|json|jsonc|ya?ml|css|vue|svelte|graphql)';
const place = new RegExp(
  `((?:file://)?[\\w@./+-]*[\\w@+-]\\.${extension})(?::(\\d+)(?::\\d+)?|\\((\\d+),\\d+\\))`,
  'g',
);
const eslintHead = new RegExp(`^(/?[\\w@./+-]+\\.${extension})$`);

function readPositions(lines: readonly string[], root: string): Position[] {
  const seen = new Set<string>();
  const positions: Position[] = [];
  let heading: string | undefined;
  const add = (file: string, line: number): void => {
    const local = relativeTo(root, file);
    if (local.startsWith('/') || /(^|\/)node_modules\//.test(local) || seen.has(`${local}:${line}`)) return;
    seen.add(`${local}:${line}`);
    positions.push({ file: local, line });
  };
  for (const line of lines) {
    for (const match of line.matchAll(place)) add(match[1] ?? '', Number(match[2] ?? match[3]));
    heading = eslintHead.exec(line.trim())?.[1] ?? (line.trim() === '' ? undefined : heading);
    const row = /^\s+(\d+):\d+\s+(error|warning)\b/.exec(line);
    if (row && heading) add(heading, Number(row[1]));
  }
  return positions;
}

function kindOf(output: string, failing: readonly FailingTest[]): FailureReport['kind'] {
  if (/error TS\d+:/.test(output)) return 'types';
  if (failing.length > 0 && !isLint(output)) return 'test';
  const script = failedScriptOf(output);
  const ofScript =
    script === null
      ? 'other'
      : stepKind({ name: '', command: null, failingTests: failing, failedScript: script });
  if (isLint(output) || ofScript === 'lint') return 'lint';
  return /AssertionError|ERR_ASSERTION|assertion failed|Expected .* (but|to)/i.test(output)
    ? 'test'
    : 'other';
}

function isLint(output: string): boolean {
  return (
    /✖ \d+ problems?|\b(eslint|biome|prettier|oxlint|standard|xo|jshint|tslint|lint)\b.*(error|found|problem|warn|fail)|\blint\/\w+\/\w+|Code style issues/i.test(
      output,
    ) && !/AssertionError|✖ failing tests/.test(output)
  );
}

function bestMessage(lines: readonly string[], failing: readonly FailingTest[]): string {
  const ofTest = failing.find((test) => test.message !== '')?.message;
  if (ofTest) return ofTest;
  const patterns = [
    /error TS\d+: .+/,
    /\b\w*Error(?: \[\w+\])?: .+/,
    /\blint\/\w+\/\w+/,
    /\b\d+:\d+\s+error\s+.+/,
    /\berror\b[:\s].+/i,
    /\bfail(ed|ure)?\b.+/i,
  ];
  for (const pattern of patterns) {
    const line = lines.find(
      (candidate) => pattern.test(candidate) && !/^npm (ERR|error)/.test(candidate.trim()),
    );
    if (line) return line.trim().slice(0, 300);
  }
  return (
    lines
      .find((line) => line.trim() !== '' && !line.startsWith('>'))
      ?.trim()
      .slice(0, 300) ?? 'the command failed without a word'
  );
}

function keysOf(
  kind: FailureReport['kind'],
  failing: readonly FailingTest[],
  lines: readonly string[],
  message: string,
  root: string,
): string[] {
  if (kind === 'test' && failing.length > 0) {
    return unique(failing.map((test) => `${test.file ?? ''} ${test.path.join(' > ')}`));
  }
  const errors = lines.filter(
    (line) =>
      /error TS\d+|\berror\b|lint\/\w+\/\w+|^\s*\d+:\d+\s+/.test(line) &&
      !/^npm |\d+ (errors?|problems?)|Found \d+/i.test(line.trim()),
  );
  const shaped = errors.map((line) => relativeTo(root, line.trim()).replace(/\d+/g, '#'));
  // Equal lines are counted: two like errors in a file are more than one.
  const counted = shaped.map(
    (key, index) => `${key} ${shaped.slice(0, index).filter((other) => other === key).length}`,
  );
  return counted.length > 0 ? counted : [message.replace(/\d+/g, '#')];
}

function unique(values: string[]): string[] {
  return [...new Set(values)];
}

/** `better`: something that failed no longer does, and nothing new fails. `mixed`: something was mended and something broke. */
export function compareFailures(
  before: FailureReport,
  after: FailureReport,
): 'green' | 'better' | 'mixed' | 'same' | 'worse' {
  if (after.passed) return 'green';
  const old = new Set(before.keys);
  const added = after.keys.filter((key) => !old.has(key)).length;
  const gone = before.keys.filter((key) => !after.keys.includes(key)).length;
  if (gone > 0 && added === 0) return 'better';
  if (gone > 0) return 'mixed';
  return added > 0 ? 'worse' : 'same';
}

/** Files the report points at that are not tests: where the fault shows itself in the product. */
export function sourcePositions(report: FailureReport): Position[] {
  return report.positions.filter((position) => !isTestFile(position.file));
}
