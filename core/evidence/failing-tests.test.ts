import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { describeSamples } from '../../test/samples.ts';
import { findFailures } from './failing-tests.ts';

/** Short logs written after the output of each runner; the last column is what failed. */
const LOGS: [string, string, string[]][] = [
  [
    'node:test, spec reporter',
    `▶ surcharges
  ✔ adds only fuel (1.2ms)
  ✖ takes a side of exactly the limit as normal size (2.1ms)
✖ surcharges (4.9ms)
ℹ tests 2
ℹ fail 1

✖ failing tests:

test at test/surcharges.test.ts:25:3
✖ takes a side of exactly the limit as normal size (2.1ms)
  AssertionError [ERR_ASSERTION]: Expected values to be strictly deep-equal:
      at TestContext.<anonymous> (file:///s/test/surcharges.test.ts:27:12)`,
    ['surcharges > takes a side of exactly the limit as normal size'],
  ],
  [
    'node:test, cut before its summary',
    '▶ outer\n  ▶ inner\n    ✖ breaks (1ms)\n  ✖ inner (2ms)\n✖ outer (3ms)\nℹ tests 1\nℹ fail 1',
    ['outer > inner > breaks'],
  ],
  [
    'TAP',
    `TAP version 13
# Subtest: outer
    # Subtest: breaks
    not ok 1 - breaks
      ---
      failureType: 'testCodeFailure'
      error: 'boom'
      ...
    1..1
not ok 1 - outer
  ---
  failureType: 'subtestsFailed'
  ...
not ok 2 - later # TODO not yet
ok 3 - fine
1..3`,
    ['outer > breaks'],
  ],
  [
    'vitest',
    `⎯⎯⎯⎯⎯⎯⎯ Failed Tests 2 ⎯⎯⎯⎯⎯⎯⎯

 FAIL  src/x.test.ts > suite > adds
AssertionError: expected 2 to be 3
⎯⎯⎯⎯⎯⎯⎯⎯⎯[1/2]⎯

 FAIL  |node| src/y.test.ts > flat
Error: boom
⎯⎯⎯⎯⎯⎯⎯⎯⎯[2/2]⎯`,
    ['suite > adds', 'flat'],
  ],
  [
    'jest',
    `FAIL src/cart.test.js
  ● Console

    console.log x

  ● cart › totals › adds tax

    expect(received).toBe(expected)

Summary of all failing tests
FAIL src/cart.test.js
  ● cart › totals › adds tax

Tests:       1 failed, 3 passed, 4 total`,
    ['cart > totals > adds tax'],
  ],
  [
    'mocha',
    `  3 passing (12ms)
  2 failing

  1) queue
       when full
         refuses a job:
     AssertionError: expected 1 to equal 2
      at Context.<anonymous> (test/queue.js:9:5)

  2) flat test:
     Error: boom`,
    ['queue > when full > refuses a job', 'flat test'],
  ],
  [
    'Playwright',
    '  1) [chromium] › tests/shop.spec.ts:3:1 › shop › buys ─────────\n\n    Error: no button\n\n  1 failed',
    ['shop > buys'],
  ],
  [
    'pytest',
    `=================================== FAILURES ===================================
_____________________________ TestThing.test_adds ______________________________
>       assert 2 == 3
E       assert 2 == 3
=========================== short test summary info ============================
FAILED tests/test_a.py::TestThing::test_adds - assert 2 == 3
FAILED tests/test_a.py::test_param[a - b] - AssertionError
ERROR tests/test_b.py
========================= 2 failed, 1 error in 0.10s =========================`,
    ['tests/test_a.py::TestThing::test_adds', 'tests/test_a.py::test_param[a - b]', 'tests/test_b.py'],
  ],
  [
    'unittest',
    `${'='.repeat(70)}
FAIL: test_adds (shop.tests.Cart.test_adds)
Adds up.
${'-'.repeat(70)}
AssertionError: 1 != 2

${'='.repeat(70)}
ERROR: test_old (shop.tests.Cart)
${'-'.repeat(70)}
ValueError: x`,
    ['shop.tests.Cart.test_adds', 'shop.tests.Cart.test_old'],
  ],
  [
    'surefire 3',
    `[ERROR] Tests run: 2, Failures: 1, Errors: 0 <<< FAILURE! -- in a.b.CartTest
[ERROR] a.b.CartTest.addsTax -- Time elapsed: 0.01 s <<< FAILURE!
org.opentest4j.AssertionFailedError: expected: <1> but was: <2>
[ERROR] Tests run: 2, Failures: 1`,
    ['a.b.CartTest.addsTax'],
  ],
  [
    'surefire 2, a flaky test that passed later',
    `addsTax(a.b.CartTest)  Time elapsed: 0.01 sec  <<< FAILURE!
flaps(a.b.CartTest)  Time elapsed: 0.01 sec  <<< ERROR!
[WARNING] Flakes:
[WARNING] a.b.CartTest.flaps
[ERROR]   Run 1: CartTest.flaps:3
[INFO]   Run 2: PASS`,
    ['a.b.CartTest.addsTax'],
  ],
  [
    'surefire, summary only',
    '[ERROR] Failures: \n[ERROR]   CartTest.addsTax:12 expected: <1> but was: <2>\n[INFO] ',
    ['CartTest.addsTax'],
  ],
  [
    'Gradle',
    '> Task :test FAILED\nCartTest > adds tax() FAILED\n    java.lang.AssertionError at CartTest.java:12\nOuter > Inner > deep() FAILED\nBUILD FAILED in 3s',
    ['CartTest > adds tax()', 'Outer > Inner > deep()'],
  ],
  [
    'Ant junit',
    '    [junit] Testsuite: a.CartTest\n    [junit] Testcase: fine took 0.1 sec\n    [junit] Testcase: addsTax took 0.1 sec\n    [junit] \tFAILED\n    [junit] expected 1',
    ['a.CartTest.addsTax'],
  ],
  [
    'go test',
    '=== RUN   TestCart\n--- FAIL: TestCart (0.00s)\n    --- FAIL: TestCart/adds_tax (0.00s)\n        cart_test.go:9: got 1\nFAIL\nFAIL\texample.com/cart\t0.01s\nFAIL\texample.com/bad [build failed]',
    ['TestCart/adds_tax', 'example.com/bad'],
  ],
  [
    'cargo test',
    "test cart::adds_tax ... FAILED\ntest fine ... ok\n\nfailures:\n\n---- cart::adds_tax stdout ----\nthread 'cart::adds_tax' panicked at src/lib.rs:5:9:\nassertion failed\n\nfailures:\n    cart::adds_tax\n\ntest result: FAILED. 1 passed; 1 failed",
    ['cart::adds_tax'],
  ],
  [
    'dotnet test',
    '  Failed Shop.CartTests.AddsTax(rate: 3) [12 ms]\n  Error Message:\n   Assert.Equal() Failure\nFailed!  - Failed: 1',
    ['Shop.CartTests.AddsTax(rate: 3)'],
  ],
  [
    'phpunit',
    'There was 1 failure:\n\n1) Shop\\CartTest::testAddsTax with data set "x"\nFailed asserting that 1 is 2.\n\nFAILURES!',
    ['Shop\\CartTest::testAddsTax with data set "x"'],
  ],
  [
    'rspec',
    'Failures:\n\n  1) Cart adds tax\n     Failure/Error: expect(1).to eq 2\n\nFailed examples:\n\nrspec ./spec/cart_spec.rb:12 # Cart adds tax',
    ['Cart adds tax'],
  ],
  [
    'minitest',
    '  1) Failure:\nCartTest#test_adds_tax [test/cart_test.rb:9]:\nExpected: 1',
    ['CartTest#test_adds_tax'],
  ],
  [
    'GoogleTest',
    '[  FAILED  ] Cart.AddsTax (0 ms)\n[  FAILED  ] 1 test, listed below:\n[  FAILED  ] Cart.AddsTax',
    ['Cart.AddsTax'],
  ],
  ['bun', '(fail) cart > adds tax [0.12ms]\n(pass) fine', ['cart > adds tax']],
  ['deno', 'adds tax ... FAILED (3ms)\nfine ... ok (1ms)', ['adds tax']],
  [
    'karma',
    'Chrome Headless 120.0.0.0 (Linux x86_64) Cart adds tax FAILED\n\tExpected 1 to be 2.',
    ['Cart adds tax'],
  ],
  [
    'ExUnit',
    '  1) test adds tax (Shop.CartTest)\n     test/cart_test.exs:9',
    ['test adds tax (Shop.CartTest)'],
  ],
  ['Bazel', '//shop:cart_test                    FAILED in 1.2s', ['//shop:cart_test']],
];

describe('failing tests', () => {
  it.each(LOGS)('of %s are named', (_, log, names) => {
    expect(findFailures(log).failingTests.map((test) => test.name)).toEqual(names);
  });

  it.each(LOGS)('of %s stand on the lines that are told', (_, log) => {
    const lines = log.split('\n');
    for (const test of findFailures(log).failingTests) {
      const told = test.nameLines.map((line) => lines[line - 1]).join('\n');
      const last =
        test.path
          .at(-1)
          ?.split('.')
          .at(-1)
          ?.replace(/ \(.*$/, '') ?? '';
      expect(told).toContain(last);
      expect(test.fromLine).toBeGreaterThan(0);
      expect(test.toLine).toBeLessThanOrEqual(lines.length);
    }
  });

  it('are found behind colours and timestamps', () => {
    const log =
      LOGS[0]?.[1]
        .split('\n')
        .map((line) => `2026-11-20T10:00:00.0000000Z \u001b[31m${line}\u001b[39m`)
        .join('\n') ?? '';
    expect(findFailures(log).failingTests).toHaveLength(1);
  });

  it('come with their message and place', () => {
    const [test] = findFailures(LOGS[0]?.[1] ?? '').failingTests;
    expect(test).toMatchObject({ file: 'test/surcharges.test.ts:25', message: { line: 12 } });
    expect(test?.message?.text).toContain('strictly deep-equal');
  });

  it('are none in a green log', () => {
    const green =
      '▶ a\n  ✔ b (1ms)\n✔ a (2ms)\nℹ tests 1\nℹ fail 0\nTests run: 3, Failures: 0, Errors: 0\n3 passing\n=== 4 passed in 0.1s ===\nok  \tx\t0.1s';
    expect(findFailures(green)).toEqual({ failingTests: [], codeErrors: [], firstError: null });
  });
});

describe('errors in the code', () => {
  it.each([
    [
      'tsc',
      "src/a.ts(3,7): error TS2322: Type 'string' is not assignable.",
      { tool: 'tsc', file: 'src/a.ts', line: 3, column: 7 },
    ],
    [
      'tsc, pretty',
      "src/a.ts:3:7 - error TS2322: Type 'string' is not assignable.",
      { tool: 'tsc', file: 'src/a.ts', line: 3 },
    ],
    [
      'eslint',
      '/s/src/a.js\n  12:5  error  Unexpected var  no-var',
      { tool: 'eslint', file: '/s/src/a.js', line: 12, message: 'Unexpected var no-var' },
    ],
    [
      'biome',
      'src/a.ts:41:13 lint/suspicious/noDoubleEquals ━━━━━━━━━━\n\n  × Using == may be unsafe.',
      { tool: 'biome', file: 'src/a.ts', line: 41 },
    ],
    [
      'gcc',
      'src/a.c:1:20: error: x undeclared',
      { file: 'src/a.c', line: 1, column: 20, message: 'x undeclared' },
    ],
    ['javac', 'src/A.java:9: error: incompatible types', { file: 'src/A.java', line: 9, column: null }],
    ['maven', '[ERROR] /s/A.java:[12,5] cannot find symbol', { tool: 'javac', file: '/s/A.java', line: 12 }],
    [
      'rustc',
      'error[E0308]: mismatched types\n  --> src/lib.rs:6:23',
      { tool: 'rustc', file: 'src/lib.rs', line: 6 },
    ],
    ['MSBuild', 'Cart.cs(12,5): error CS1002: ; expected', { file: 'Cart.cs', line: 12 }],
    ['mypy', 'shop/a.py:12: error: Incompatible return value', { file: 'shop/a.py', line: 12 }],
    ['flake8', 'shop/a.py:12:80: E501 line too long', { file: 'shop/a.py', line: 12 }],
    ['go build', './cart.go:9:2: undefined: tax', { file: './cart.go', line: 9 }],
    ['npm', 'npm error code ERESOLVE', { tool: 'npm', message: 'ERESOLVE' }],
    ['npm 8', 'npm ERR! code E404', { tool: 'npm', message: 'E404' }],
  ])('of %s are placed', (_, log, expected) => {
    const [error] = findFailures(`start\n${log}\nend`).codeErrors;
    expect(error).toMatchObject(expected);
  });
});

describe('the first error', () => {
  it('is the error itself, not a promise or a count', () => {
    const log =
      'biome lint --error-on-warnings .\n0 errors\nError: connect ECONNREFUSED 127.0.0.1:9\nProcess completed with exit code 1.';
    expect(findFailures(log).firstError).toEqual({
      line: 3,
      text: 'Error: connect ECONNREFUSED 127.0.0.1:9',
    });
  });

  it('is the thrown error, not the place in Node that reports it', () => {
    const log =
      'node:internal/modules/run_main:107\n    triggerUncaughtException(\n    ^\n\n[TypeError: fetch failed] {\n  [cause]: Error: connect ECONNREFUSED';
    expect(findFailures(log).firstError?.line).toBe(5);
  });

  it('is what the CI system marked, where nothing else is told', () => {
    expect(findFailures("hello\n##[error]Bash exited with code '1'.").firstError).toMatchObject({ line: 2 });
  });
});

type Expected = { log: string; expect: { tr_t_failed?: string; num_t_failed: number } };
/** `method(Class)`, `module::test` and titles of one line or several: the same words, in whatever order. */
const words = (name: string) =>
  (
    name
      .replace(/\.py::/, '::')
      .toLowerCase()
      .match(/[\p{L}\p{N}]+/gu) ?? []
  )
    .sort()
    .join(' ');

describeSamples('published CI logs', 'ci-logs', (logs) => {
  const cases = JSON.parse(readFileSync(`${logs}/EXPECTED.json`, 'utf8')) as Expected[];

  it.each(cases.map((entry) => [entry.log, entry.expect] as const))(
    '%s names every failing test and no other',
    (log, expected) => {
      const found = findFailures(readFileSync(`${logs}/${log}`, 'utf8')).failingTests.map((test) =>
        words(test.name),
      );
      const wanted = new Set((expected.tr_t_failed ?? '').split('#').filter(Boolean).map(words));
      if (wanted.size === 0) expect(found).toHaveLength(expected.num_t_failed);
      else expect(new Set(found)).toEqual(wanted);
    },
  );
});
