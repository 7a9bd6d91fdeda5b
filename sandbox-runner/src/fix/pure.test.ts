import { describe, expect, test } from 'vitest';
import { parseBundle } from './bundle.ts';
import { scriptsOf } from './checks/weakening.ts';
import { parsePatch } from './patch.ts';
import { matchesPattern } from './path-patterns.ts';
import { installCommand, stepCommand, tailOf } from './proof-plan.ts';
import { isAmong, testTitles } from './test-titles.ts';

describe('path patterns', () => {
  test.each([
    ['a/b.js', 'a/*', true],
    ['a/b/c.js', 'a/*', false],
    ['a/b/c.js', 'a/**', true],
    ['.npmrc', '**/.npmrc', true],
    ['x/y/.npmrc', '**/.npmrc', true],
    ['x.npmrc', '**/.npmrc', false],
    ['.GitHub/workflows/a.yml', '.github/**', true],
    ['azure-pipelines-release.yml', 'azure-pipelines*.yml', true],
    ['a+b(c).js', 'a+b(c).js', true],
    ['aab', 'a+b', false],
  ])('%s against %s: %s', (path, pattern, expected) => {
    expect(matchesPattern(path, pattern)).toBe(expected);
  });
});

describe('a patch', () => {
  test('counts lines by its hunks, so that content cannot pose as a header', () => {
    const patch = [
      'diff --git a/x b/x',
      '--- a/x',
      '+++ b/x',
      '@@ -3 +3,2 @@ context',
      '--- old',
      '+++ b/other',
      '+@@ -1 +1 @@',
      '@@ -9,0 +11 @@',
      '+last',
    ].join('\n');
    expect(parsePatch(patch).map(({ kind, path, line, text }) => `${kind} ${path}:${line} ${text}`)).toEqual([
      'removed x:3 -- old',
      'added x:3 ++ b/other',
      'added x:4 @@ -1 +1 @@',
      'added x:11 last',
    ]);
  });
});

describe('titles', () => {
  test('are found with any quotes and cut where they are filled in', () => {
    const source = `test('it\\'s one', f); it.concurrent("two", f);
      test(\`three \${n}\`, f); test.each([[1]])('four %s', f); describe('no', f); split(';');`;
    expect(testTitles(source)).toEqual(["it's one", 'two', 'three', 'four']);
  });

  test('count where a report names them within their suite', () => {
    expect(isAmong('adds up', ['sum > Adds  up'])).toBe(true);
    expect(isAmong('adds up', ['sum > multiplies'])).toBe(false);
  });
});

describe('commands', () => {
  const manifest = (value: object) => JSON.stringify(value);
  test.each([
    ['no package.json', { hasLock: false, packageJson: null }, null],
    ['a lock file', { hasLock: true, packageJson: '{}' }, 'npm ci --no-audit --no-fund'],
    [
      'dependencies without one',
      { hasLock: false, packageJson: manifest({ devDependencies: { a: '1' } }) },
      'npm install --no-audit --no-fund',
    ],
    ['none', { hasLock: false, packageJson: '{}' }, null],
    ['nonsense', { hasLock: false, packageJson: 'nonsense' }, null],
  ])('of an install: %s', (_what, tree, command) => {
    expect(installCommand(tree)).toBe(command);
  });

  test('of a step: its own, else the usual script, else none', () => {
    const scripts = manifest({ scripts: { test: 'x', typecheck: 'y' } });
    expect(stepCommand({ name: 's', kind: 'test', command: 'make check' }, scripts)).toBe('make check');
    expect(stepCommand({ name: 's', kind: 'test', command: null }, scripts)).toBe('npm test');
    expect(stepCommand({ name: 's', kind: 'types', command: ' ' }, scripts)).toBe('npm run typecheck');
    expect(stepCommand({ name: 's', kind: 'build', command: null }, scripts)).toBeNull();
  });

  test('name the scripts they run', () => {
    expect(scriptsOf('npm ci && npm test')).toContain('pretest');
    expect(scriptsOf('npm run --silent lint')).toContain('lint');
    expect(scriptsOf('make check')).toEqual([]);
  });

  test('are quoted without colours', () => {
    expect(tailOf('\u001b[31mred\u001b[0m')).toBe('red');
  });
});

describe('a bundle header', () => {
  const parse = (text: string) => parseBundle(Buffer.from(text));
  const sha = 'a'.repeat(40);
  test('of version 2 and 3 is read up to its pack', () => {
    expect(parse(`# v2 git bundle\n-${sha} base\n${sha} HEAD\n\nPACK`)).toMatchObject({
      ok: true,
      refs: [sha],
    });
    expect(parse(`# v3 git bundle\n@object-format=sha1\n${sha} HEAD\n\nPACK`).ok).toBe(true);
  });
  test.each([
    '',
    'x\n\n',
    `# v3 git bundle\n@filter=blob:none\n${sha} HEAD\n\n`,
    '# v2 git bundle\nzz HEAD\n\n',
  ])('is refused when it is %j', (text) => {
    expect(parse(text).ok).toBe(false);
  });
});
