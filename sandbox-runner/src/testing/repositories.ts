import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

export const IDENTITY = { name: 'Cody Codewell (AI Agent)', email: 'cody@agents.example' };

/** The same work gives the same commits. */
const DATE = '2026-11-20T09:00:00Z';

const ENVIRONMENT = {
  PATH: process.env.PATH,
  HOME: '/nonexistent',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_AUTHOR_NAME: IDENTITY.name,
  GIT_AUTHOR_EMAIL: IDENTITY.email,
  GIT_COMMITTER_NAME: IDENTITY.name,
  GIT_COMMITTER_EMAIL: IDENTITY.email,
  GIT_AUTHOR_DATE: DATE,
  GIT_COMMITTER_DATE: DATE,
};

export function tempFolder(): { path: string; remove: () => void } {
  const path = mkdtempSync(join(tmpdir(), 'dogwatch-test-'));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

/** Content of a file, null to delete it, or a link. */
export type Files = Record<string, string | null | { link: string } | { executable: string }>;

/** A working copy to commit in, as an agent has one. */
export class WorkingCopy {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
    mkdirSync(path, { recursive: true });
    this.git('init', '--quiet', '--initial-branch=main');
  }

  git(...args: string[]): string {
    return execFileSync('git', args, {
      cwd: this.path,
      env: ENVIRONMENT,
      encoding: 'utf8',
      stdio: 'pipe',
    }).trim();
  }

  gitAs(identity: { name: string; email: string }, ...args: string[]): string {
    const env = { ...ENVIRONMENT, GIT_COMMITTER_NAME: identity.name, GIT_COMMITTER_EMAIL: identity.email };
    return execFileSync('git', args, { cwd: this.path, env, encoding: 'utf8', stdio: 'pipe' }).trim();
  }

  write(files: Files): void {
    for (const [name, content] of Object.entries(files)) {
      const path = join(this.path, name);
      mkdirSync(dirname(path), { recursive: true });
      rmSync(path, { force: true });
      if (content === null) continue;
      if (typeof content === 'string') writeFileSync(path, content);
      else if ('link' in content) symlinkSync(content.link, path);
      else writeFileSync(path, content.executable, { mode: 0o755 });
    }
  }

  commit(files: Files, message = 'work'): string {
    this.write(files);
    this.git('add', '--all', '--force');
    this.git('commit', '--quiet', '--allow-empty', '-m', message);
    return this.git('rev-parse', 'HEAD');
  }

  bundle(base: string, name = 'fix.bundle'): string {
    const path = join(dirname(this.path), name);
    this.git('bundle', 'create', '--quiet', path, `${base}..HEAD`);
    return path;
  }
}

/** A code host in a folder: `<root>/shop/_git/parcel-rates` is a bare repository, its address is `url`. */
export function createHost(root: string, working: WorkingCopy): { url: string; bare: string } {
  const bare = join(root, 'host', 'shop', '_git', 'parcel-rates');
  mkdirSync(dirname(bare), { recursive: true });
  working.git('clone', '--quiet', '--bare', working.path, bare);
  return { url: `file://${join(root, 'host')}`, bare };
}

/** A service with a fault in `total` and a test run that needs nothing but Node. */
export const FAULTY: Files = {
  'package.json': JSON.stringify(
    {
      name: 'shop',
      type: 'module',
      scripts: { test: 'node --test', lint: 'grep -q "export function" src/total.js' },
    },
    null,
    2,
  ),
  'src/total.js': 'export function total(prices) {\n  return prices.reduce((a, b) => a - b, 0);\n}\n',
  'test/total.test.js':
    "import assert from 'node:assert/strict';\nimport { test } from 'node:test';\nimport { total } from '../src/total.js';\n\ntest('nothing costs nothing', () => assert.equal(total([]), 0));\n",
};

export const FIXED_SOURCE =
  'export function total(prices) {\n  return prices.reduce((a, b) => a + b, 0);\n}\n';
export const NEW_TEST =
  "import assert from 'node:assert/strict';\nimport { test } from 'node:test';\nimport { total } from '../src/total.js';\n\ntest('prices are added up', () => assert.equal(total([2, 3]), 5));\n";
