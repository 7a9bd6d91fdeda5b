import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type {
  CommandResult,
  CommandSpec,
  SandboxBackend,
  SandboxEnd,
  SandboxHandlers,
  SandboxSpec,
} from '../backend/sandbox.ts';

/** What the agent of a test does; the end it gives is how its session ends. */
export type Script = (agent: {
  spec: SandboxSpec;
  handlers: SandboxHandlers;
  /** Resolves when the session is killed. */
  killed: Promise<void>;
}) => Promise<Partial<SandboxEnd>>;

/** Really runs the commands, with bash in a checkout in a temporary folder. */
export async function runCommandHere(spec: CommandSpec): Promise<CommandResult> {
  const folder = mkdtempSync(join(tmpdir(), 'dogwatch-proof-'));
  const git = (...args: string[]) => execFileSync('git', ['--git-dir', spec.repository, ...args]);
  try {
    execFileSync('tar', ['-x', '-C', folder], { input: git('archive', spec.commit) });
    for (const { path, fromCommit } of spec.overlay) {
      const target = join(folder, path);
      rmSync(target, { force: true });
      if (fromCommit === null) continue;
      mkdirSync(dirname(target), { recursive: true });
      writeFileSync(target, git('show', `${fromCommit}:${path}`));
    }
    let setupOutput = '';
    for (const [index, command] of spec.commands.entries()) {
      // A test runner inside a test runner must not believe that it is part of the outer one.
      const { NODE_TEST_CONTEXT: _, ...env } = process.env;
      const done = spawnSync('bash', ['-c', `${command} 2>&1`], { cwd: folder, encoding: 'utf8', env });
      const last = index === spec.commands.length - 1;
      const exitCode = done.status ?? 124;
      const result = { exitCode, timedOut: false, setupOutput, durationMs: 1 };
      if (last) return { ...result, failedSetup: false, output: done.stdout };
      setupOutput += done.stdout;
      if (exitCode !== 0) return { ...result, failedSetup: true, output: '', setupOutput };
    }
    throw new Error('no commands');
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

export function fakeBackend(script: Script): SandboxBackend {
  return {
    ensureImage: async () => ({ tag: 'fake', digest: 'sha256:0' }),
    reapOrphans: async () => [],
    problems: () => [],
    close: async () => {},
    runCommand: runCommandHere,
    start: async (spec, handlers) => {
      const kill = Promise.withResolvers<'canceled' | 'timeout'>();
      const killed = kill.promise.then(() => {});
      const base: SandboxEnd = {
        reason: 'completed',
        detail: '',
        turns: 1,
        durationMs: 1,
        transcriptPath: null,
      };
      const played = script({ spec, handlers, killed }).then((end) => ({ ...base, ...end }));
      return {
        container: `fake-${spec.run}`,
        imageTag: 'fake',
        imageDigest: 'sha256:0',
        ended: Promise.race([played, kill.promise.then((reason) => ({ ...base, reason }))]),
        kill: async (reason) => kill.resolve(reason),
      };
    },
  };
}
