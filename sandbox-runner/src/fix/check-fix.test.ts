import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { FailedStep, FixTarget } from '../../../core/contracts/run.ts';
import {
  createHost,
  FAULTY,
  FIXED_SOURCE,
  type Files,
  IDENTITY,
  NEW_TEST,
  tempFolder,
  WorkingCopy,
} from '../testing/repositories.ts';
import { checkFix } from './check-fix.ts';
import { gatherFix } from './gather.ts';
import { takeIn } from './take-in.ts';

const STEP: FailedStep = { name: 'Test', command: 'npm test', kind: 'test' };
const REPAIR: Files = { 'src/total.js': FIXED_SOURCE, 'test/sum.test.js': NEW_TEST };
const OUR_SECRET = 'what-only-the-runner-knows';
const LOCK = (packages: Record<string, { resolved?: string }>) =>
  JSON.stringify({ lockfileVersion: 3, packages });

let folder: ReturnType<typeof tempFolder>;
let working: WorkingCopy;
let mirror: string;
let base: string;

beforeAll(() => {
  folder = tempFolder();
  working = new WorkingCopy(join(folder.path, 'work'));
  const manifest = JSON.parse(FAULTY['package.json'] as string) as Record<string, unknown>;
  working.commit({
    ...FAULTY,
    'package.json': JSON.stringify({
      ...manifest,
      scripts: { ...(manifest.scripts as object), test: 'node --test test/' },
      dependencies: { gone: '^1.2.0' },
    }),
  });
  base = working.commit({
    ...FAULTY,
    'scripts/run.sh': { executable: '#!/bin/sh\n' },
    'azure-pipelines.yml': 'extends:\n  template: /steps/lint.yml # ours\n',
    'steps/lint.yml': 'steps:\n  - template: nested/deep.yml\n  - template: other.yml@elsewhere\n',
    '.github/workflows/ci.yml': 'steps:\n  - uses: ./actions/setup\n  - uses: actions/checkout@v4\n',
    'package-lock.json': LOCK({
      '': {},
      'node_modules/left': { resolved: 'https://registry.example/left.tgz' },
    }),
  });
  mirror = createHost(folder.path, working).bare;
});
afterAll(() => folder.remove());

/** The codes with which a fix made of these commits is refused. */
async function codesOf(
  change: (copy: WorkingCopy) => void,
  options: { target?: Partial<FixTarget>; step?: Partial<FailedStep> } = {},
): Promise<string[]> {
  working.git('checkout', '--quiet', '--force', '--detach', base);
  working.git('clean', '--quiet', '-fdx');
  change(working);
  const head = working.git('rev-parse', 'HEAD');
  const gitDir = join(folder.path, 'fix.git');
  const taken = await takeIn({ bundlePath: working.bundle(base), head, mirror, gitDir });
  if (!taken.ok) return [taken.refusal.code];
  const target: FixTarget = {
    ref: 'refs/heads/fix/ci-1',
    expected: null,
    base,
    defaultBranch: 'refs/heads/trunk',
    forbiddenPaths: ['deploy/**'],
    maxFiles: 5,
    ...options.target,
  };
  const step = { ...STEP, ...options.step };
  const redact = (text: string) => text.replaceAll(OUR_SECRET, '[redacted]');
  const gathered = await gatherFix({ gitDir, head, target, step, identity: IDENTITY, redact });
  if (!gathered.ok) return [gathered.refusal.code];
  return checkFix(gathered.fix).map(({ code }) => code);
}

const commit = (files: Files) => (copy: WorkingCopy) => {
  copy.commit(files);
};
const withManifest = (change: (manifest: Record<string, unknown>) => void): Files => {
  const manifest = JSON.parse(FAULTY['package.json'] as string) as Record<string, unknown>;
  change(manifest);
  return { ...REPAIR, 'package.json': JSON.stringify(manifest) };
};

describe('a fix', () => {
  test('that mends code and adds a test passes every check', async () => {
    expect(await codesOf(commit(REPAIR))).toEqual([]);
  });

  test('of several commits, with a test renamed and files deleted, passes', async () => {
    const change = (copy: WorkingCopy) => {
      copy.commit({ 'src/extra.js': 'export const x = 1;\n' });
      copy.commit({ ...REPAIR, 'src/extra.js': null });
    };
    expect(await codesOf(change)).toEqual([]);
  });

  test.each<[string, string, Files[string]]>([
    ['forbidden_path', '.github/workflows/ci.yml', 'on: push\n'],
    ['forbidden_path', 'azure-pipelines.yml', 'steps: []\n'],
    ['forbidden_path', 'ci/Azure-Pipelines.release.yaml', 'steps: []\n'],
    ['forbidden_path', '.npmrc', 'ignore-scripts=false\n'],
    ['forbidden_path', 'src/.gitattributes', '* filter=x\n'],
    ['forbidden_path', '.gitignore', 'dist\n'],
    ['forbidden_path', 'crew/CLAUDE.md', 'obey\n'],
    ['forbidden_path', 'deploy/prod/values.yml', 'a: 1\n'],
    ['symlink', 'src/passwd', { link: '/etc/passwd' }],
    ['file_mode', 'src/total.js', { executable: FIXED_SOURCE }],
    ['file_too_large', 'src/data.js', `// ${'x'.repeat(1_100_000)}\n`],
    ['strange_path', 'src/a\tb.js', 'x\n'],
    ['strange_path', 'src/a\\b.js', 'x\n'],
    ['strange_path', 'src/a\u200bb.js', 'x\n'],
    ['strange_path', 'src/a\u202ejs.txt', 'x\n'],
    ['strange_path', 'src/caf\u0065\u0301.js', 'x\n'],
    ['strange_path,path_collision', 'src/total.js.', 'x\n'],
    ['strange_path,path_collision', 'src/total.js::$DATA', 'x\n'],
    ['path_collision', 'src/Total.js', 'x\n'],
    ['path_collision', 'SRC/TOTAL.js', 'x\n'],
    ['path_collision', 'src/\uff54otal.js', 'x\n'],
    ['path_collision,forbidden_path', '.\uff47ithub/workflows/ci.yml', 'on: push\n'],
    ['path_collision,forbidden_path', 'AZURE-PIPELINES.YML', 'steps: []\n'],
    ['forbidden_path', 'steps/lint.yml', 'steps: []\n'],
    ['forbidden_path', 'steps/nested/deep.yml', 'steps: []\n'],
    ['forbidden_path', 'actions/setup/action.yml', 'runs: {}\n'],
    ['forbidden_path', '.gitmodules', '[submodule "x"]\n'],
    [
      'lfs_pointer',
      'src/data.csv',
      `version https://git-lfs.github.com/spec/v1\noid sha256:${'a'.repeat(64)}\nsize 9\n`,
    ],
    ['binary_file', 'src/tool.wasm', '\0asm\u0001\0\0\0'],
    ['secret', 'src/key.js', `const pem = \`-----BEGIN ${'RSA PRIVATE'} KEY-----\`;\n`],
    ['secret', 'src/key.js', `const key = '${'sk-ant'}-api03-${'a1B2c3D4'.repeat(5)}';\n`],
    ['secret', 'src/key.js', `const key = '${'AKIA'}ABCDEFGHIJKLMNOP';\n`],
    ['secret', 'src/key.js', `const key = '${'ghp'}_${'a1B2c3D4e5'.repeat(4)}';\n`],
    ['secret', 'src/key.js', `const pat = "${'abcdefghijklmnopqrstuvwxyz'.repeat(2)}";\n`],
    ['test_disabled', 'test/more.test.js', "test.skip('later', () => {});\n"],
  ])('is refused as %s for %s', async (codes, path, content) => {
    expect((await codesOf(commit({ ...REPAIR, [path]: content }))).join()).toBe(codes);
  });

  test('is refused for a secret that a later commit takes away', async () => {
    const change = (copy: WorkingCopy) => {
      copy.commit({ 'src/key.js': `export const key = '${'AKIA'}ABCDEFGHIJKLMNOP';\n` });
      copy.commit({ ...REPAIR, 'src/key.js': null });
    };
    expect(await codesOf(change)).toEqual(['secret']);
  });

  test('is refused for a secret in what a commit says, and for one of ours anywhere', async () => {
    const said = (copy: WorkingCopy) => {
      copy.commit(REPAIR, `Mend it\n\nwith ${'AKIA'}ABCDEFGHIJKLMNOP`);
    };
    expect(await codesOf(said)).toEqual(['secret']);
    expect(await codesOf(commit({ ...REPAIR, 'src/x.js': `// ${OUR_SECRET}\n` }))).toEqual(['secret']);
  });

  test('is refused for a pipeline file that a later commit restores', async () => {
    const change = (copy: WorkingCopy) => {
      copy.commit({ '.github/workflows/ci.yml': 'on: push\n' });
      copy.commit({ ...REPAIR, '.github/workflows/ci.yml': null });
    };
    expect(await codesOf(change)).toEqual(['forbidden_path']);
  });

  test('is refused when it has a submodule', async () => {
    const change = (copy: WorkingCopy) => {
      copy.write(REPAIR);
      copy.git('add', '--all');
      copy.git('update-index', '--add', '--cacheinfo', `160000,${base},vendor`);
      copy.git('commit', '--quiet', '-m', 'vendor');
    };
    expect(await codesOf(change)).toEqual(['submodule']);
  });

  test('is refused when it turns a pipeline file into another one', async () => {
    const change = (copy: WorkingCopy) => {
      copy.write(REPAIR);
      copy.git('mv', 'azure-pipelines.yml', 'build.yml');
      copy.commit({});
    };
    expect(await codesOf(change)).toEqual(['forbidden_path']);
  });

  test('is refused when only the case of a name changes, also for a while', async () => {
    const rename = (copy: WorkingCopy) =>
      copy.commit({
        ...REPAIR,
        'test/total.test.js': null,
        'test/Total.test.js': FAULTY['test/total.test.js'] ?? null,
      });
    expect(await codesOf(rename)).toContain('path_collision');
    const back = (copy: WorkingCopy) => {
      copy.commit({ 'SRC/total.js': 'x\n' });
      copy.commit({ ...REPAIR, 'SRC/total.js': null });
    };
    expect(await codesOf(back)).toEqual(['path_collision']);
  });

  test('may change a file whose name is not composed, where it stood before', async () => {
    const first = base;
    working.git('checkout', '--quiet', '--force', '--detach', first);
    base = working.commit({ 'docs/caf\u0065\u0301.md': 'one\n' });
    working.git('push', '--quiet', mirror, `${base}:refs/heads/decomposed`);
    try {
      expect(await codesOf(commit({ ...REPAIR, 'docs/caf\u0065\u0301.md': 'two\n' }))).toEqual([]);
    } finally {
      base = first;
    }
  });

  test('is refused when what it says cannot be read within bounds', async () => {
    const change = (copy: WorkingCopy) => {
      copy.write(REPAIR);
      copy.git('add', '--all');
      writeFileSync(join(folder.path, 'message'), 'long\n'.repeat(4_000_000));
      copy.git('commit', '--quiet', '-F', join(folder.path, 'message'));
    };
    expect(await codesOf(change)).toEqual(['diff_too_large']);
  });

  test('is refused when it touches more files than allowed', async () => {
    const many = Object.fromEntries(Array.from({ length: 5 }, (_, i) => [`src/f${i}.js`, 'x\n']));
    expect(await codesOf(commit({ ...REPAIR, ...many }))).toEqual(['too_many_files']);
  });

  test('is refused when somebody else committed it', async () => {
    const change = (copy: WorkingCopy) => {
      copy.write(REPAIR);
      copy.git('add', '--all');
      copy.gitAs({ name: 'Mila', email: 'mila@shop.example' }, 'commit', '--quiet', '-m', 'mend');
    };
    expect(await codesOf(change)).toEqual(['committer_identity']);
  });

  test('is refused when its history has a merge', async () => {
    const change = (copy: WorkingCopy) => {
      const one = copy.commit(REPAIR);
      copy.git('checkout', '--quiet', '--detach', base);
      copy.commit({ 'src/other.js': 'x\n' });
      copy.git('merge', '--quiet', '--no-ff', '-m', 'both', one);
    };
    expect(await codesOf(change)).toEqual(['history_not_linear']);
  });

  test('is refused when it does not build on the base', async () => {
    const change = (copy: WorkingCopy) => {
      copy.git('checkout', '--quiet', '--orphan', `other-${Math.random()}`);
      copy.commit(REPAIR);
    };
    expect(await codesOf(change)).toEqual(['not_on_base']);
  });

  test('is refused when its commits cancel out', async () => {
    const change = (copy: WorkingCopy) => {
      copy.commit({ 'src/x.js': 'x\n' });
      copy.commit({ 'src/x.js': null });
    };
    expect(await codesOf(change)).toEqual(['nothing_changed']);
  });

  test.each([
    ['refs/heads/trunk', 'default_branch'],
    ['refs/heads/TRUNK', 'default_branch'],
    ['refs/heads/main', 'default_branch'],
    ['refs/heads/master', 'default_branch'],
    ['refs/heads/refs/heads/main', 'bad_ref'],
    ['refs/heads/a..b', 'bad_ref'],
    ['refs/heads/a:main', 'bad_ref'],
    ['refs/heads/-x', 'bad_ref'],
  ])('is refused when it would go to %s', async (ref, code) => {
    expect(await codesOf(commit(REPAIR), { target: { ref } })).toEqual([code]);
  });

  test.each<[string, (manifest: Record<string, unknown>) => void]>([
    ['new_dependency', (m) => Object.assign(m, { devDependencies: { 'left-pad': '1.0.0' } })],
    [
      'new_dependency,dependency_source',
      (m) => Object.assign(m, { dependencies: { x: 'git+https://host.example/x' } }),
    ],
    ['dependency_source', (m) => Object.assign(m, { overrides: { left: 'npm:right@1' } })],
    ['install_script', (m) => Object.assign(m.scripts as object, { postinstall: 'node x.js' })],
    ['checked_script_changed', (m) => Object.assign(m.scripts as object, { test: 'true' })],
    ['checked_script_changed', (m) => Object.assign(m.scripts as object, { pretest: 'rm -r test' })],
  ])('is refused as %s when package.json says so', async (codes, change) => {
    expect((await codesOf(commit(withManifest(change)))).join()).toBe(codes);
  });

  test('may change package.json where nothing is decided by it', async () => {
    const files = withManifest((m) => Object.assign(m.scripts as object, { lint: 'true' }));
    expect(await codesOf(commit(files))).toEqual([]);
    expect(await codesOf(commit(files), { step: { kind: 'lint', command: 'npm run lint' } })).toEqual([
      'checked_script_changed',
    ]);
  });

  test('may not change a script that the failed command reaches through another', async () => {
    const step = { command: 'npm run --silent check' };
    const manifest = JSON.parse(FAULTY['package.json'] as string) as { scripts: Record<string, string> };
    const build = (lint: string) =>
      JSON.stringify({
        ...manifest,
        scripts: { ...manifest.scripts, check: 'npm run lint && npm test', lint },
      });
    const first = working.git('rev-parse', 'main');
    working.git('checkout', '--quiet', '--force', '--detach', first);
    base = working.commit({ 'package.json': build('biome lint .') });
    working.git('push', '--quiet', mirror, `${base}:refs/heads/chained`);
    try {
      const files = { ...REPAIR, 'package.json': build('true') };
      expect(await codesOf(commit(files), { step })).toEqual(['checked_script_changed']);
    } finally {
      base = first;
    }
  });

  test('is refused when its lock file gains a package or takes one from elsewhere', async () => {
    const known = { '': {}, 'node_modules/left': { resolved: 'https://registry.example/left-2.tgz' } };
    const files = (packages: Parameters<typeof LOCK>[0]) => ({
      ...REPAIR,
      'package-lock.json': LOCK(packages),
    });
    expect(await codesOf(commit(files(known)))).toEqual([]);
    expect(await codesOf(commit(files({ ...known, 'node_modules/evil': {} })))).toEqual(['new_dependency']);
    expect(
      await codesOf(
        commit(files({ '': {}, 'node_modules/left': { resolved: 'https://evil.example/l.tgz' } })),
      ),
    ).toEqual(['dependency_source']);
  });

  test('may put back what a recent commit took away, to the letter', async () => {
    const put = (range: string) =>
      commit(withManifest((it) => Object.assign(it, { dependencies: { gone: range } })));
    expect(await codesOf(put('^1.2.0'))).toEqual([]);
    expect(await codesOf(put('^2.0.0'))).toEqual(['new_dependency']);
    const script = (test: string) =>
      commit(withManifest((it) => Object.assign(it, { scripts: { ...(it.scripts as object), test } })));
    expect(await codesOf(script('node --test test/'))).toEqual([]);
    expect(await codesOf(script('true'))).toEqual(['checked_script_changed']);
  });

  test('is refused when it takes a test away', async () => {
    expect(await codesOf(commit({ ...REPAIR, 'test/total.test.js': null }))).toEqual([
      'test_removed',
      'test_removed',
    ]);
    expect(await codesOf(commit({ ...REPAIR, 'test/total.test.js': '// nothing\n' }))).toEqual([
      'test_removed',
    ]);
  });
});

describe('a bundle', () => {
  const refused = async (bundlePath: string, head: string) => {
    const taken = await takeIn({ bundlePath, head, mirror, gitDir: join(folder.path, 'bad.git') });
    return taken.ok ? 'taken' : taken.refusal.code;
  };

  test('that is no bundle, is cut, or lacks the named commit is refused', async () => {
    working.git('checkout', '--quiet', '--force', '--detach', base);
    const head = working.commit(REPAIR);
    const good = working.bundle(base);
    expect(await refused(good, head)).toBe('taken');
    expect(await refused(good, base)).toBe('head_missing');
    expect(await refused(join(folder.path, 'none'), head)).toBe('bundle_unreadable');
    const bad = join(folder.path, 'bad.bundle');
    writeFileSync(bad, 'hello');
    expect(await refused(bad, head)).toBe('bundle_unreadable');
    writeFileSync(bad, readFileSync(good).subarray(0, -30));
    expect(await refused(bad, head)).toBe('bundle_unreadable');
  });

  test('brings commits only: a tag is no head, and what else it names stays behind', async () => {
    working.git('checkout', '--quiet', '--force', '--detach', base);
    const head = working.commit(REPAIR);
    working.git('tag', '--force', '-a', 'v9', '-m', 'release');
    working.git('update-ref', 'refs/heads/extra', head);
    working.git('update-ref', `refs/replace/${base}`, head);
    const tag = working.git('rev-parse', 'v9');
    const path = join(folder.path, 'named.bundle');
    working.git(
      'bundle',
      'create',
      '--quiet',
      path,
      'v9',
      'refs/heads/extra',
      `refs/replace/${base}`,
      'HEAD',
      `^${base}`,
    );
    working.git('update-ref', '-d', `refs/replace/${base}`);
    expect(await refused(path, tag)).toBe('head_missing');
    expect(await refused(path, head)).toBe('taken');
    const names = working.git(
      '--git-dir',
      join(folder.path, 'bad.git'),
      'for-each-ref',
      '--format=%(refname)',
    );
    expect(names).toBe('refs/heads/fix');
  });

  test('with a tree that holds a .git entry is refused by its objects', async () => {
    const blob = working.git('hash-object', '-w', 'src/total.js');
    const { execFileSync } = await import('node:child_process');
    const tree = execFileSync('git', ['mktree'], {
      cwd: working.path,
      input: `040000 tree ${execFileSync('git', ['mktree'], { cwd: working.path, input: `100644 blob ${blob}\tconfig\n`, encoding: 'utf8' }).trim()}\t.git\n`,
      encoding: 'utf8',
    }).trim();
    const head = working.git('commit-tree', tree, '-p', base, '-m', 'sly');
    working.git('update-ref', '--no-deref', 'HEAD', head);
    expect(await refused(working.bundle(base), head)).toBe('bundle_unreadable');
  });
});
