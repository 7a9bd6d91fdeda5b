import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { IntentOutcome, PushFix, PushFixIntent } from '../../../core/contracts/intents.ts';
import type { FailedStep, FixTarget } from '../../../core/contracts/run.ts';
import { canonicalDigest } from '../../../wire/canonical-digest.ts';
import { Remotes } from '../git/remote.ts';
import { silentLogger } from '../logger.ts';
import { runCommandHere } from '../testing/fake-backend.ts';
import {
  createHost,
  FAULTY,
  FIXED_SOURCE,
  type Files,
  NEW_TEST,
  tempFolder,
  WorkingCopy,
} from '../testing/repositories.ts';
import { runRequest } from '../testing/requests.ts';
import { ArtifactStore } from '../worker/artifact-store.ts';
import { WorkerError } from '../worker/worker-client.ts';
import { IntentStore } from './intent-store.ts';
import { createIntentPerformer } from './perform-intent.ts';
import { submitFix } from './submit-fix.ts';

let folder: ReturnType<typeof tempFolder>;
let working: WorkingCopy;
let host: ReturnType<typeof createHost>;
let base: string;
let remotes: Remotes;
let uploaded: Map<string, Uint8Array<ArrayBuffer>>;

beforeEach(() => {
  folder = tempFolder();
  working = new WorkingCopy(join(folder.path, 'work'));
  base = working.commit(FAULTY);
  host = createHost(folder.path, working);
  remotes = new Remotes({
    url: host.url,
    pat: null,
    folder: join(folder.path, 'mirrors'),
    redact: (text) => text,
  });
  uploaded = new Map();
});
afterEach(() => folder.remove());

function artifacts(name: string): ArtifactStore {
  return new ArtifactStore(join(folder.path, name), {
    putArtifact: async (_run, sha256, _type, bytes) => void uploaded.set(sha256, bytes),
    getArtifact: async (_run, sha256) => {
      const bytes = uploaded.get(sha256);
      if (!bytes) throw new WorkerError('GET', 404, 'No such thing');
      return bytes;
    },
  });
}

async function submit(
  files: Files,
  change: { step?: Partial<FailedStep>; target?: Partial<FixTarget>; store?: ArtifactStore } = {},
) {
  const head = working.commit(files);
  const request = runRequest('one', {}, base);
  if (!request.fix) throw new Error('no fix');
  Object.assign(request.fix.step, change.step);
  Object.assign(request.fix.target, change.target);
  return submitFix(
    request,
    {
      tool: 'submit_fix',
      key: 'k',
      input: { title: 'Add\nup', rootCause: 'It subtracts.', fixSummary: 'Adds.', proof: 'test' },
      bundlePath: working.bundle(base),
      head,
    },
    {
      backend: { runCommand: runCommandHere },
      remotes,
      artifacts: change.store ?? artifacts('artifacts'),
      folder: join(folder.path, 'fixes'),
      redact: (text) => text,
      proofTimeoutMs: 60_000,
    },
  );
}

async function codes(...args: Parameters<typeof submit>): Promise<string[]> {
  const outcome = await submit(...args);
  return outcome.ok ? ['accepted'] : outcome.refusals.map(({ code }) => code);
}

describe('submit_fix', () => {
  test('accepts a fix whose new test is red at the base and green with it', async () => {
    const store = artifacts('artifacts');
    const outcome = await submit({ 'src/total.js': FIXED_SOURCE, 'test/sum.test.js': NEW_TEST }, { store });
    if (!outcome.ok) throw new Error(JSON.stringify(outcome.refusals));
    const { intent, artifacts: named } = outcome;
    expect(intent.digest).toBe(await canonicalDigest(intent.body));
    expect(intent.body).toMatchObject({
      ref: 'refs/heads/fix/ci-1',
      expected: null,
      base,
      title: 'Add up',
      files: [
        { path: 'src/total.js', status: 'modified', additions: 1, deletions: 1 },
        { path: 'test/sum.test.js', status: 'added', deletions: 0 },
      ],
      proof: { kind: 'test', newTests: ['prices are added up'], green: { command: 'npm test', exitCode: 0 } },
    });
    expect(intent.body.proof.red.exitCode).not.toBe(0);
    expect(intent.body.proof.red.tail).toContain('prices are added up');
    expect(named.map(({ name }) => name)).toEqual([
      'fix.bundle',
      'fix.diff',
      'proof-red.log',
      'proof-green.log',
    ]);
    for (const { sha256 } of named) expect((await store.read(intent.run, sha256)).ok).toBe(true);
  });

  test('asks for a test when the failed step runs tests and the fix has none', async () => {
    const outcome = await submit({ 'src/total.js': FIXED_SOURCE });
    expect(outcome).toMatchObject({ ok: false, refusals: [{ code: 'no_test' }] });
    if (!outcome.ok)
      expect(outcome.refusals[0]?.reason).toContain('fails before your change and passes after');
  });

  test('refuses a test that passes without the fix', async () => {
    const idle = NEW_TEST.replace('total([2, 3]), 5', 'total([]), 0');
    expect(await codes({ 'src/total.js': FIXED_SOURCE, 'test/sum.test.js': idle })).toEqual(['not_red']);
  });

  test('refuses a new test that is green where another one is red', async () => {
    const red = working.commit({
      'test/old.test.js': NEW_TEST.replace('prices are added up', 'an old test'),
    });
    working.git('push', '--quiet', host.bare, `${red}:refs/heads/main`);
    base = red;
    const idle = NEW_TEST.replace('total([2, 3]), 5', 'total([]), 0');
    expect(await codes({ 'src/total.js': FIXED_SOURCE, 'test/sum.test.js': idle })).toEqual([
      'new_test_not_red',
    ]);
  });

  test('refuses a fix that does not pass', async () => {
    expect(
      await codes({
        'src/total.js': `${FIXED_SOURCE}// no `,
        'test/sum.test.js': NEW_TEST.replace('5', '6'),
      }),
    ).toEqual(['not_green']);
  });

  test('says so when the fix cannot be installed', async () => {
    const manifest = JSON.stringify({ ...JSON.parse(FAULTY['package.json'] as string), dependencies: {} });
    const files = { 'src/total.js': FIXED_SOURCE, 'test/sum.test.js': NEW_TEST, 'package.json': manifest };
    const outcome = await submit({ ...files, 'package-lock.json': 'nonsense' });
    expect(outcome).toMatchObject({ ok: false, refusals: [{ code: 'setup_failed' }] });
  });

  test('takes an expectation that only goes back to what it was, proved by the failed command', async () => {
    const path = 'test/expectation.test.js';
    const text = (wanted: number) =>
      `import { test } from 'node:test';\nimport assert from 'node:assert';\ntest('two', () => {\n  assert.equal(1 + 1, ${wanted});\n});\n`;
    const settle = (wanted: number) => working.commit({ 'src/total.js': FIXED_SOURCE, [path]: text(wanted) });
    settle(2);
    base = settle(3);
    host = createHost(join(folder.path, 'again'), working);
    remotes = new Remotes({
      url: host.url,
      pat: null,
      folder: join(folder.path, 'again-mirrors'),
      redact: (same) => same,
    });
    expect(await codes({ [path]: text(2) })).toEqual(['accepted']);
    working.git('reset', '--quiet', '--hard', base);
    expect(await codes({ [path]: text(3).replace('1 + 1, 3', '3, 3') })).toEqual(['not_red']);
  });

  test('proves a lint fix by the failed command, red before and green after', async () => {
    const step = { name: 'Lint', kind: 'lint', command: 'grep -q "a + b" src/total.js' } as const;
    const outcome = await submit({ 'src/total.js': FIXED_SOURCE }, { step });
    expect(outcome).toMatchObject({
      ok: true,
      intent: { body: { proof: { kind: 'command', newTests: [] } } },
    });
    expect(await codes({ 'README.md': 'x\n' }, { step: { ...step, command: 'true' } })).toEqual(['not_red']);
  });

  test('takes the usual script when the command of the step is not known', async () => {
    const files = { 'src/total.js': FIXED_SOURCE, 'test/sum.test.js': NEW_TEST };
    expect(await codes(files, { step: { command: null } })).toEqual(['accepted']);
    expect(await codes({ 'README.md': 'x\n' }, { step: { command: null, kind: 'other' } })).toEqual([
      'no_command',
    ]);
  });

  test('refuses the default branch whatever the target says', async () => {
    const files = { 'src/total.js': FIXED_SOURCE, 'test/sum.test.js': NEW_TEST };
    expect(await codes(files, { target: { ref: 'refs/heads/main' } })).toEqual(['default_branch']);
  });
});

describe('performing an intent', () => {
  let once: { intent: PushFixIntent; uploads: typeof uploaded } | null = null;

  /** The proof is made once: equal work gives equal commits in every test's own repository. */
  async function accepted(target: Partial<PushFix> = {}): Promise<PushFixIntent> {
    const files = { 'src/total.js': FIXED_SOURCE, 'test/sum.test.js': NEW_TEST };
    if (once) working.commit(files);
    else {
      const store = artifacts('artifacts');
      const outcome = await submit(files, { store });
      if (!outcome.ok) throw new Error(JSON.stringify(outcome.refusals));
      for (const artifact of outcome.artifacts) await store.upload(outcome.intent.run, artifact);
      once = { intent: outcome.intent, uploads: uploaded };
    }
    expect(working.git('rev-parse', 'HEAD')).toBe(once.intent.body.commit);
    uploaded = new Map([...once.uploads].map(([name, bytes]) => [name, new Uint8Array(bytes)]));
    return withBody(once.intent, target);
  }

  const performer = (store = 'fresh', intents = 'intents') =>
    createIntentPerformer({
      intents: new IntentStore(join(folder.path, intents), Date.now()),
      artifacts: artifacts(store),
      remotes,
      hostCommand: () => Promise.reject(new Error('no host is asked')),
      folder: folder.path,
      logger: silentLogger,
      knownFence: () => null,
    });
  const ask = (intent: PushFixIntent, change: { fence?: number; digest?: string } = {}) => ({
    run: intent.run,
    fence: intent.fence,
    digest: intent.digest,
    intent,
    ...change,
  });
  const withBody = async (intent: PushFixIntent, change: Partial<PushFix>): Promise<PushFixIntent> => {
    const body = { ...intent.body, ...change };
    return { ...intent, body, digest: await canonicalDigest(body) };
  };
  const tip = (ref: string) => working.git('ls-remote', host.bare, ref).split('\t')[0];
  const code = (outcome: IntentOutcome) => (outcome.outcome === 'refused' ? outcome.code : outcome.outcome);

  test('pushes exactly the commit, on a runner that has only the artifact', async () => {
    const intent = await accepted();
    expect(await performer()(ask(intent))).toEqual({
      outcome: 'performed',
      ref: 'refs/heads/fix/ci-1',
      commit: intent.body.commit,
    });
    expect(tip('refs/heads/fix/ci-1')).toBe(intent.body.commit);
    expect(tip('refs/heads/main')).toBe(base);
  });

  test('runs nothing that came with the work: hooks, filters, helpers', async () => {
    const intent = await accepted();
    const mark = join(folder.path, 'it-ran');
    const trap = `touch ${mark}`;
    for (const [name, value] of Object.entries({
      'core.sshCommand': trap,
      'core.pager': trap,
      'diff.external': trap,
      'filter.trap.clean': `${trap}; cat`,
      'filter.trap.smudge': `${trap}; cat`,
      'diff.trap.textconv': trap,
      'gpg.program': trap,
      'credential.helper': `!${trap}`,
      'uploadpack.packObjectsHook': trap,
    }))
      working.git('config', name, value);
    const hooks = join(working.path, '.git/hooks');
    mkdirSync(hooks, { recursive: true });
    for (const hook of ['pre-push', 'post-update', 'reference-transaction', 'pre-receive', 'post-checkout'])
      writeFileSync(join(hooks, hook), `#!/bin/sh\n${trap}\n`, { mode: 0o755 });
    writeFileSync(join(working.path, '.git/info/attributes'), '* filter=trap diff=trap\n');
    rmSync(mark, { force: true });
    expect(code(await performer()(ask(intent)))).toBe('performed');
    expect(existsSync(mark)).toBe(false);
    // The traps are good ones: the agent's own Git falls into them.
    working.git('checkout', '--quiet', '--detach', base);
    expect(existsSync(mark)).toBe(true);
  });

  test('moves one branch and nothing else: no tag, no other ref', async () => {
    const before = working.git('ls-remote', host.bare);
    const intent = await accepted();
    working.git('tag', '-a', 'v1', '-m', 'release', intent.body.commit);
    expect(code(await performer()(ask(intent)))).toBe('performed');
    const added = working
      .git('ls-remote', host.bare)
      .split('\n')
      .filter((line) => !before.includes(line));
    expect(added).toEqual([`${intent.body.commit}\trefs/heads/fix/ci-1`]);
  });

  test('twice gives one answer, also after a restart and when the branch has gone on', async () => {
    const intent = await accepted();
    const first = await performer()(ask(intent));
    working.git('push', '--quiet', '--force', host.bare, `${base}:refs/heads/fix/ci-1`);
    expect(await performer()(ask(intent))).toEqual(first);
    expect(tip('refs/heads/fix/ci-1')).toBe(base);
  });

  test('finds a push done of which nothing was written down', async () => {
    const intent = await accepted();
    await performer('fresh', 'before')(ask(intent));
    expect(code(await performer('fresh', 'after')(ask(intent)))).toBe('performed');
  });

  test('fast-forwards a feature branch from exactly where it was', async () => {
    working.git('push', '--quiet', host.bare, `${base}:refs/heads/feature`);
    const intent = await accepted({ ref: 'refs/heads/feature', expected: base });
    expect(code(await performer()(ask(intent)))).toBe('performed');
    expect(tip('refs/heads/feature')).toBe(intent.body.commit);
  });

  test('leaves a branch alone that has moved or exists against expectation', async () => {
    const intent = await accepted();
    const other = working.commit({ 'README.md': 'someone else\n' });
    working.git('push', '--quiet', host.bare, `${other}:refs/heads/fix/ci-1`);
    expect(code(await performer()(ask(intent)))).toBe('base_moved');
    expect(tip('refs/heads/fix/ci-1')).toBe(other);
  });

  test('never rewrites: a permitted commit must build on what is there', async () => {
    const intent = await accepted();
    working.git('checkout', '--quiet', '--detach', base);
    const other = working.commit({ 'README.md': 'someone else\n' });
    working.git('push', '--quiet', host.bare, `${other}:refs/heads/feature`);
    const forged = await withBody(intent, { ref: 'refs/heads/feature', expected: other });
    expect(code(await performer()(ask(forged)))).toBe('check_failed');
    expect(tip('refs/heads/feature')).toBe(other);
  });

  test.each(['refs/heads/main', 'refs/heads/MASTER'])('refuses %s even when permitted', async (ref) => {
    const forged = await withBody(await accepted(), { ref, expected: base });
    expect(code(await performer()(ask(forged)))).toBe('default_branch');
    expect(tip('refs/heads/main')).toBe(base);
  });

  test('refuses what the host calls its default branch, whatever its name', async () => {
    working.git('push', '--quiet', host.bare, `${base}:refs/heads/trunk`);
    working.git('--git-dir', host.bare, 'symbolic-ref', 'HEAD', 'refs/heads/trunk');
    const forged = await withBody(await accepted(), { ref: 'refs/heads/trunk', expected: base });
    expect(code(await performer()(ask(forged)))).toBe('default_branch');
  });

  test('refuses another body than the permitted one, and an older lease', async () => {
    const intent = await accepted();
    const altered = { ...intent, body: { ...intent.body, ref: 'refs/heads/elsewhere' } };
    expect(code(await performer()(ask(altered)))).toBe('digest_mismatch');
    expect(code(await performer()(ask(intent, { digest: 'f'.repeat(64) })))).toBe('digest_mismatch');
    expect(code(await performer()(ask({ ...intent, fence: 2 }, { fence: 1 })))).toBe('stale_fence');
    expect(code(await performer()(ask(intent)))).toBe('performed');
  });

  test('says when the bundle is gone, and does it once it is back', async () => {
    const intent = await accepted();
    const kept = uploaded.get(intent.body.bundle.sha256);
    uploaded.delete(intent.body.bundle.sha256);
    expect(code(await performer()(ask(intent)))).toBe('unknown_artifact');
    if (kept) uploaded.set(intent.body.bundle.sha256, kept);
    expect(code(await performer()(ask(intent)))).toBe('performed');
  });

  test('does not take an altered bundle', async () => {
    const intent = await accepted();
    const bytes = new Uint8Array(readFileSync(working.bundle(`${intent.body.commit}~1`)));
    uploaded.set(intent.body.bundle.sha256, bytes.fill(0, 40, 50));
    expect(code(await performer()(ask(intent)))).toBe('unknown_artifact');
  });
});
