import { describe, expect, it } from 'vitest';
import { filesNamedBy, isTestFile, matchesGlob, testFileRule } from './test-files.ts';

describe('a test file', () => {
  it.each([
    ['src/a.test.ts', true],
    ['src/a.spec.jsx', true],
    ['test/helper.js', true],
    ['src/__tests__/a.js', true],
    ['src/__snapshots__/a.test.js.snap', true],
    ['tests/test_a.py', true],
    ['pkg/a_test.go', true],
    ['test.js', true],
    ['lib/tests.mjs', true],
    ['spec.cjs', true],
    ['src/CartTest.js', true],
    ['src/latest.js', false],
    ['src/contest/a.js', false],
    ['test.config/a.js', false],
    ['node_modules/a/test/b.js', false],
  ])('%s: %s', (path, expected) => {
    expect(isTestFile(path)).toBe(expected);
  });

  it('may be whatever the test command names', () => {
    const isTest = testFileRule(['npm test', 'npm run lint && node check.js', 'mocha "lib/**/*.check.js"']);
    expect(['check.js', 'lib/a/b.check.js', 'lib/a/b.js', 'src/check.ts'].map(isTest)).toEqual([
      true,
      true,
      false,
      false,
    ]);
  });
});

describe('files that commands name', () => {
  it.each([
    ['node --test', []],
    ['node --test checks', ['checks/**']],
    ['node --test "checks/*.ts"', ['checks/*.ts']],
    ['node --import ./setup.js --test ./checks/', ['checks/**']],
    ['tsc -p tsconfig.json && node dist/run.js', ['dist/run.js']],
    ['node --test-reporter=tap --test', []],
  ])('%s: %j', (command, expected) => {
    expect(filesNamedBy([command])).toEqual(expected);
  });
});

it.each([
  ['a/b.ts', 'a/*.{ts,js}', true],
  ['a/b.mjs', 'a/*.?(c|m)js', true],
  ['a/b/c.js', 'a/*.js', false],
  ['a/b/c.js', 'a/**/*.js', true],
])('%s against %s: %s', (path, glob, expected) => {
  expect(matchesGlob(path, glob)).toBe(expected);
});
