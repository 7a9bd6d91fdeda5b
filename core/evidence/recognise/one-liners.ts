import { blockEnd, failing, type Recogniser, withoutDuration } from './found.ts';

/** Runners that tell a failing test in one line of its own shape. `hint` is cheap and must be in the line. */
const SHAPES: { framework: string; hint: string; pattern: RegExp; separator: string | null }[] = [
  { framework: 'bun', hint: '(fail) ', pattern: /^\(fail\) (\S.*)$/, separator: ' > ' },
  { framework: 'ava', hint: '[fail]: ', pattern: /^\s*[✖✘×] \[fail\]: (\S.*)$/, separator: ' › ' },
  {
    framework: 'deno',
    hint: ' ... FAILED',
    pattern: /^(?!test )(\S.*?) \.\.\. FAILED(?: \(.{1,20}\))?$/,
    separator: ' ... ',
  },
  {
    framework: 'karma',
    hint: ' FAILED',
    pattern: /^\w[\w ]{1,30} [\d.]{1,20} \([^)]{1,60}\)[:]? (?!.*Executed)(\S.*) FAILED$/,
    separator: null,
  },
  {
    framework: 'exunit',
    hint: ') test ',
    pattern: /^ {1,4}\d{1,5}\) (test .+ \([\w.]+\))$/,
    separator: null,
  },
  {
    framework: 'xctest',
    hint: "' failed (",
    pattern: /^Test Case '([^']{1,300})' failed \(/,
    separator: null,
  },
  {
    framework: 'bazel',
    hint: 'FAILED',
    pattern: /^(\/\/\S{1,300}) +FAILED(?: in .{1,60})?$/,
    separator: null,
  },
  {
    framework: 'sbt',
    hint: '[error] Test ',
    pattern: /^\[error\] Test ([\w.$]{1,300}) failed/,
    separator: null,
  },
  {
    framework: 'clojure.test',
    hint: 'in (',
    pattern: /^(?:FAIL|ERROR) in \(([^)]{1,300})\) \(/,
    separator: null,
  },
  {
    framework: 'dart',
    hint: ' [E]',
    pattern: /^\d\d:\d\d \+\d+(?: ~\d+)? -\d+: (\S.*) \[E\]$/,
    separator: null,
  },
  {
    framework: 'prove',
    hint: 'Failed',
    pattern: /^(\S{1,200}\.t) +\(Wstat: \d+.{0,40} Failed: [1-9]\d*\)$/,
    separator: null,
  },
  {
    framework: 'testthat',
    hint: '── ',
    pattern: /^── (?:\d+\. )?(?:Failure|Error) \(([^)]{1,300})\)/,
    separator: null,
  },
];

export const oneLiners: Recogniser = (lines) =>
  lines.flatMap((line, at) => {
    for (const { framework, hint, pattern, separator } of SHAPES) {
      const name = line.includes(hint) ? pattern.exec(line)?.[1] : undefined;
      if (!name) continue;
      const plain = withoutDuration(name.replace(/ \[[\d.]+m?s\]$/, ''));
      const path = separator === null ? [plain] : plain.split(separator);
      const end = blockEnd(lines, at, (text) => text.trim() === '' || pattern.test(text), 30);
      return [failing({ framework, path, at, end })];
    }
    return [];
  });
