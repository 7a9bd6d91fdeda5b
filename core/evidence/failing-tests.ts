import { type LogLine, splitLog } from './log-text.ts';
import { type CodeError, codeErrors } from './recognise/code-errors.ts';
import { cargoTest, cppTest, dotnetTest, goTest, minitest, phpunit, rspec } from './recognise/compiled.ts';
import type { FailingTest, Recogniser } from './recognise/found.ts';
import { jest, mocha, playwright, vitest } from './recognise/javascript.ts';
import { antJunit, gradle, scalatest, surefire } from './recognise/jvm.ts';
import { nodeSpec, tap } from './recognise/node-test.ts';
import { oneLiners } from './recognise/one-liners.ts';
import { pytest, unittest } from './recognise/python.ts';

export type { CodeError } from './recognise/code-errors.ts';
export type { FailingTest } from './recognise/found.ts';

export type FirstError = { line: number; text: string };

export type Findings = {
  /** Each failing test once, in the order of the log. */
  failingTests: FailingTest[];
  codeErrors: CodeError[];
  /** The first line that states an error, whoever states it. */
  firstError: FirstError | null;
};

/** Names and messages stand at the beginning of a line; reading more would let a hostile line cost too much. */
const MAX_READ_CHARS = 600;

/** When more fail, something common to them is broken, and more names say nothing more. */
const MAX_TESTS = 1_000;

const RECOGNISERS: Recogniser[] = [
  nodeSpec,
  tap,
  vitest,
  jest,
  mocha,
  playwright,
  pytest,
  unittest,
  surefire,
  gradle,
  antJunit,
  scalatest,
  goTest,
  cargoTest,
  dotnetTest,
  phpunit,
  rspec,
  minitest,
  cppTest,
  oneLiners,
];

export function findFailures(logText: string): Findings {
  return findFailuresIn(splitLog(logText));
}

export function findFailuresIn(log: readonly LogLine[]): Findings {
  const lines = log.map((line) =>
    line.text.length > MAX_READ_CHARS ? line.text.slice(0, MAX_READ_CHARS) : line.text,
  );
  const failingTests = distinct(RECOGNISERS.flatMap((recognise) => recognise(lines)))
    .slice(0, MAX_TESTS)
    .map((test) => ({ ...test, message: messageIn(lines, test) }));
  const errors = codeErrors(lines);
  return { failingTests, codeErrors: errors, firstError: firstErrorOf(log, lines, failingTests, errors) };
}

/** A test that is told twice (two runs, a summary) counts once, with the place that tells most. */
function distinct(tests: FailingTest[]): FailingTest[] {
  const byName = new Map<string, FailingTest>();
  for (const test of tests) {
    if (test.name === '') continue;
    const known = byName.get(test.name);
    if (!known || (known.toLine - known.fromLine === 0 && test.toLine > test.fromLine))
      byName.set(test.name, test);
  }
  return [...byName.values()].sort((a, b) => a.fromLine - b.fromLine || (a.name < b.name ? -1 : 1));
}

const ERROR_WORD =
  /(?:^|[\s:[(!])(?:error|fatal|failed|failure|panic|exception|traceback|cannot|could not|unable to)\b|(?:Error|Exception)\b|ECONN[A-Z]+|ENOENT|ETIMEDOUT|command not found|No such file/i;
/** Lines that only count, close or promise. */
const NO_ERROR =
  /\b(?:0|no) (?:errors?|failed|failures?)\b|\bfailed: 0\b|\b(?:errors?|failures?):? 0\b|exit(?:ed with)? code|triggerUncaughtException|node:internal|Process completed|error-on-warnings|--fail|if-no-files-found|continue-on-error|fail-fast|✔|✓|^ok \d|\bPASS(?:ED)?\b|^ℹ/i;

function firstErrorOf(
  log: readonly LogLine[],
  lines: readonly string[],
  tests: readonly FailingTest[],
  errors: readonly CodeError[],
): FirstError | null {
  const inTest = tests[0] ? (tests[0].message?.line ?? tests[0].nameLines[0]) : undefined;
  const told = [errors[0]?.atLine, inTest].filter((line) => line !== undefined && line !== null);
  const marked = log.find(
    (line) => line.marker === 'error' && !NO_ERROR.test(lines[line.number - 1] ?? ''),
  )?.number;
  const first = told.length > 0 ? Math.min(...told) : (stated(lines) ?? marked);
  const closing = first ?? log.find((line) => line.marker === 'error')?.number;
  return closing === undefined
    ? null
    : { line: closing, text: (lines[closing - 1] ?? '').trim().slice(0, 500) };
}

/** A line that begins with the class of an error. */
const ERROR_CLASS = /^\s*(?:\[junit\] *(?:=> )?)?(?:Caused by: )?[\w.$]{0,200}(?:Error|Exception)\b/;

/** The line of the block that says what went wrong, best source first. */
function messageIn(lines: readonly string[], test: FailingTest): FailingTest['message'] {
  const block = lines.slice(test.fromLine - 1, test.toLine);
  const isName = (index: number) => test.nameLines.includes(test.fromLine + index);
  const find = (pattern: RegExp) => block.findIndex((text, index) => !isName(index) && pattern.test(text));
  const searches = [
    () => lastPytestError(block),
    () => tapError(block),
    () => find(ERROR_CLASS),
    () => find(ERROR_WORD),
    () => find(/\S/),
  ];
  let index = -1;
  for (const search of searches) if (index === -1) index = search();
  if (index === -1) return null;
  return { line: test.fromLine + index, text: (block[index] ?? '').trim().slice(0, 300) };
}

/** pytest shows what was raised first first; the last group of `E` lines is what failed the test. */
function lastPytestError(block: readonly string[]): number {
  const isError = (text: string | undefined) => text !== undefined && /^E(?:\s|$)/.test(text);
  return block.findLastIndex((text, index) => /^E {3,}\S/.test(text) && !isError(block[index - 1]));
}

/** YAML of TAP: `error: 'message'`, or `error: |-` with the message below. */
function tapError(block: readonly string[]): number {
  const index = block.findIndex((text) => /^ *error: /.test(text));
  return index !== -1 && /: [|>]-?$/.test(block[index] ?? '') ? index + 1 : index;
}

function stated(lines: readonly string[]): number | undefined {
  const index = lines.findIndex((line) => ERROR_WORD.test(line) && !NO_ERROR.test(line));
  return index === -1 ? undefined : index + 1;
}
