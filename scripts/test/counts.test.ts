import { expect, it } from 'vitest';
import { countsOf, formatCounts, readCounts } from './counts.ts';

it('counts a test file that could not be loaded as a failure', () => {
  const report = { numPassedTests: 3, numFailedTests: 1, numPendingTests: 0, numTodoTests: 0 };
  const test = { status: 'passed', fullName: 'one', failureMessages: [] };
  const testResults = [
    { name: 'a.test.ts', status: 'passed', message: '', assertionResults: [test] },
    { name: 'b.test.ts', status: 'failed', message: 'no such file', assertionResults: [] },
  ];
  expect(countsOf({ ...report, testResults })).toEqual({ passed: 3, failed: 2, skipped: 0 });
});

it('reads the closing line back', () => {
  const counts = { passed: 2, failed: 1, skipped: 4 };
  expect(readCounts(`a\n9 passed, 9 failed\n${formatCounts(counts)}\n`)).toEqual(counts);
  expect(readCounts('killed')).toEqual({ passed: 0, failed: 0, skipped: 0 });
});

it('names what was skipped only when something was', () => {
  expect(formatCounts({ passed: 2, failed: 0, skipped: 0 })).toBe('2 passed, 0 failed');
  expect(formatCounts({ passed: 2, failed: 1, skipped: 4 })).toBe('2 passed, 1 failed, 4 skipped');
});
