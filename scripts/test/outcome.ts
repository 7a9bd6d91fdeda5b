import { stripVTControlCharacters } from 'node:util';
import { add, type Counts, countsOf, noCounts, type VitestReport } from './counts.ts';

/** What failed, and what it said. */
export interface Failure {
  name: string;
  said: string;
}

/** Of one part of `npm test`. */
export interface Outcome {
  counts: Counts;
  failures: Failure[];
}

/** Of one failure: a log that is kept in part must hold all of them. */
const SAID_CHARS = 1_500;

export function together(outcomes: readonly Outcome[]): Outcome {
  return {
    counts: outcomes.reduce((sum, { counts }) => add(sum, counts), noCounts),
    failures: outcomes.flatMap(({ failures }) => failures),
  };
}

/** A program that is one test: it passed when it ended with 0. */
export function outcomeOfProgram(name: string, code: number, output: string): Outcome {
  if (code === 0) return { counts: { ...noCounts, passed: 1 }, failures: [] };
  return failed(name, `exit code ${code}\n${output.slice(-SAID_CHARS)}`);
}

/** A program that has counted tests of its own, one at least; `isFailure` picks the lines that tell of one. */
export function outcomeOfBattery(
  name: string,
  code: number,
  { counts, output }: { counts: Counts; output: string },
  isFailure: (line: string) => boolean,
): Outcome {
  if (code === 0 && counts.failed === 0 && counts.passed > 0) return { counts, failures: [] };
  const said = output.split('\n').filter(isFailure).join('\n') || output;
  return { counts: atLeastOne(counts), failures: [{ name, said: said.slice(-SAID_CHARS) }] };
}

export function outcomeOfVitest(name: string, code: number, report: VitestReport | null): Outcome {
  if (report === null) return failed(name, `exit code ${code}, and no report`);
  const failures = report.testResults.flatMap(({ name: file, status, message, assertionResults }) => {
    const tests = assertionResults.filter((test) => test.status === 'failed');
    if (status === 'failed' && tests.length === 0) return [failureOf(file, [message])];
    return tests.map((test) => failureOf(`${file}: ${test.fullName}`, test.failureMessages));
  });
  const counts = countsOf(report);
  if (code === 0 || failures.length > 0) return { counts, failures };
  return { counts: atLeastOne(counts), failures: [{ name, said: `exit code ${code}, and no test failed` }] };
}

/** One line of its own for each, and what it said beneath it, without colours. */
export function formatFailures(failures: readonly Failure[]): string {
  const text = failures.map(({ name, said }) => `FAILED ${name}\n${said.replace(/^/gm, '  ')}`).join('\n');
  return stripVTControlCharacters(text);
}

const failed = (name: string, said: string): Outcome => ({
  counts: { ...noCounts, failed: 1 },
  failures: [{ name, said }],
});

const failureOf = (name: string, messages: readonly string[]): Failure => ({
  name,
  said: messages.join('\n').slice(0, SAID_CHARS),
});

const atLeastOne = (counts: Counts): Counts => ({ ...counts, failed: Math.max(1, counts.failed) });
