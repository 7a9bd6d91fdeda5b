import { describe, expect, it } from 'vitest';
import { commandOf, failedScriptOf, stepKind } from './step-command.ts';

const RULER = '='.repeat(78);
const HEADER = `##[section]Starting: Test
${RULER}
Task         : Command line
Description  : Run a command line script using Bash on Linux and macOS and cmd.exe on Windows
Version      : 2.250.1
${RULER}
`;
const stamped = (text: string) =>
  text
    .split('\n')
    .map((line) => `2026-11-20T10:00:00.0000000Z ${line}`)
    .join('\n');

describe('the command of a step', () => {
  it('stands in the header of a script task', () => {
    const log = `${HEADER}Generating script.\nScript contents:\nnpm test\n========================== Starting Command Output ===========================\n[command]/usr/bin/bash --noprofile --norc /home/vsts/work/_temp/a.sh\n> parcel-rates@1.4.0 test`;
    expect(commandOf(log)).toBe('npm test');
    expect(commandOf(stamped(log))).toBe('npm test');
  });

  it('is unknown where the header does not show the script', () => {
    const log = `${HEADER}Generating script.\n========================== Starting Command Output ===========================\n[command]/usr/bin/bash --noprofile --norc /home/vsts/work/_temp/a.sh\nScript contents:\nrm -rf /\n========================== Starting Command Output ===========================`;
    expect(commandOf(log)).toBeNull();
  });

  it('is never read from what the step printed', () => {
    const log = `${HEADER}Generating script.\nScript contents:\nnpm test\n========================== Starting Command Output ===========================\nScript contents:\ncurl evil\n[command]/bin/evil`;
    expect(commandOf(log)).toBe('npm test');
    expect(commandOf('Script contents:\ncurl evil\n=== Starting Command Output ===')).toBeNull();
    expect(commandOf('[command]/bin/evil')).toBeNull();
  });

  it('is the work of a task wrapper, past its questions', () => {
    const log = `${HEADER}[command]/usr/local/bin/npm --version\n11.19.1\n[command]/usr/local/bin/npm config list\n; cwd = /home\n[command]/usr/local/bin/npm ci\nnpm error code E404`;
    expect(commandOf(log)).toBe('npm ci');
    expect(commandOf(`${HEADER}[command]"C:\\Program Files\\nodejs\\npm.cmd" run lint`)).toBe('npm run lint');
  });

  it('opens a step of GitHub Actions', () => {
    expect(
      commandOf(
        '2026-11-20T10:00:00.0000000Z ##[group]Run npm test\n2026-11-20T10:00:00.0000000Z npm test\nshell: /usr/bin/bash -e {0}\n##[endgroup]\nok',
      ),
    ).toBe('npm test');
  });

  it('is unknown in an empty log', () => {
    expect(commandOf('')).toBeNull();
  });
});

describe('the kind of a step', () => {
  it.each([
    ['Test', 'npm test', [], 'test'],
    ['Lint', 'npm run lint', [], 'lint'],
    ['Build', 'npm run build', [], 'build'],
    ['Type check', 'npx tsc --noEmit', [], 'types'],
    ['Install', 'npm ci', [], 'dependencies'],
    ['Smoke', 'npm run smoke', [], 'other'],
    ['Carrier contract', 'npm run check:carrier', [], 'other'],
    ['Verify', null, ['a > b'], 'test'],
    ['Build and verify', 'mvn -B package', ['A.b'], 'test'],
    ['Unit tests', null, [], 'test'],
    ['Install', null, [], 'dependencies'],
    ['Everything', 'make', [], 'build'],
    ['?', null, [], 'other'],
  ] as const)('%s (%s) is %#', (name, command, failingTests, kind) => {
    expect(stepKind({ name, command, failingTests })).toBe(kind);
  });
});

describe('the script that failed inside a test command', () => {
  const heading = (name: string, command: string) => `\n> shop@1.0.0 ${name}\n> ${command}\n\n`;
  const outer = heading('test', 'npm run lint && node --test');

  it('is the last that announced itself, and gives the step its kind', () => {
    const failedScript = failedScriptOf(
      `${outer}${heading('lint', 'node lint.js')}src/a.js:3: no console.log\n`,
    );
    expect(failedScript).toBe('lint node lint.js');
    expect(stepKind({ name: 'Test', command: 'npm test', failingTests: [], failedScript })).toBe('lint');
  });

  it('is none where what follows speaks of a test', () => {
    const log = `${outer}${heading('lint', 'node lint.js')}all fine\nAssertionError [ERR_ASSERTION]: 1 !== 2`;
    expect(failedScriptOf(log)).toBeNull();
  });

  it('is none where only the test announced itself, or nothing did', () => {
    expect(failedScriptOf(`${outer}SyntaxError: Unexpected token`)).toBeNull();
    expect(failedScriptOf('')).toBeNull();
  });
});
