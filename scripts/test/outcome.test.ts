import { expect, it } from 'vitest';
import { type Counts, noCounts, type VitestReport } from './counts.ts';
import { formatFailures, outcomeOfBattery, outcomeOfProgram, outcomeOfVitest, together } from './outcome.ts';

const report = (testResults: VitestReport['testResults']): VitestReport => {
  const tests = testResults.flatMap(({ assertionResults }) => assertionResults);
  const numFailedTests = tests.filter(({ status }) => status === 'failed').length;
  const numPassedTests = tests.length - numFailedTests;
  return { numPassedTests, numFailedTests, numPendingTests: 0, numTodoTests: 0, testResults };
};

it('names each test that failed, with its file and what it said', () => {
  const one = { status: 'passed', fullName: 'one', failureMessages: [] };
  const two = { status: 'failed', fullName: 'two', failureMessages: ['expected 1 to be 2\n  at here'] };
  const testResults = [
    { name: 'a.test.ts', status: 'failed', message: '', assertionResults: [one, two] },
    { name: 'b.test.ts', status: 'failed', message: 'no such module', assertionResults: [] },
  ];
  const { counts, failures } = outcomeOfVitest('unit tests', 1, report(testResults));
  expect(counts).toEqual({ passed: 1, failed: 2, skipped: 0 });
  expect(formatFailures(failures)).toBe(
    'FAILED a.test.ts: two\n  expected 1 to be 2\n    at here\nFAILED b.test.ts\n  no such module',
  );
});

it('does not take a run without a failed test for a good one when its exit code says otherwise', () => {
  const passing = { status: 'passed', fullName: 'one', failureMessages: [] };
  const testResults = [{ name: 'a.test.ts', status: 'passed', message: '', assertionResults: [passing] }];
  expect(outcomeOfVitest('unit tests', 1, report(testResults)).counts).toEqual({
    passed: 1,
    failed: 1,
    skipped: 0,
  });
  expect(outcomeOfVitest('unit tests', 1, null).counts).toEqual({ passed: 0, failed: 1, skipped: 0 });
  const counts = { passed: 3, failed: 0, skipped: 0 };
  const battery = (code: number, told: Counts) =>
    outcomeOfBattery('battery', code, { counts: told, output: '' }, () => false).counts.failed;
  expect([battery(0, counts), battery(1, counts), battery(0, noCounts)]).toEqual([0, 1, 1]);
});

it('shows the end of what a failed program printed, and of a battery the rows that failed', () => {
  const { failures } = outcomeOfProgram('demo: main', 2, `${'x'.repeat(10_000)}\nno pull request came`);
  expect(failures[0]?.said).toMatch(/^exit code 2\nx+\nno pull request came$/);
  expect(failures[0]?.said.length).toBeLessThan(2_000);
  const counts = { passed: 1, failed: 1, skipped: 0 };
  const battery = outcomeOfBattery('battery', 1, { counts, output: 'a ok\nb LEAK' }, (line) =>
    line.endsWith('LEAK'),
  );
  expect(battery.failures).toEqual([{ name: 'battery', said: 'b LEAK' }]);
});

it('adds what its parts came to', () => {
  const sum = together([outcomeOfProgram('lint', 0, ''), outcomeOfProgram('types', 1, 'TS2322')]);
  expect(sum.counts).toEqual({ passed: 1, failed: 1, skipped: 0 });
  expect(sum.failures.map(({ name }) => name)).toEqual(['types']);
});
