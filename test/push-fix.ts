import type { PushFix } from '../core/contracts/intents.ts';
import type { RunRequest } from '../core/contracts/run.ts';

/** What stand-ins of a runner submit when their agent has mended its target. `sha256`: of every artifact. */
export function pushFixOf(
  { fix, workspace }: RunRequest,
  { commit, sha256, title = 'Round half up again' }: { commit: string; sha256: string; title?: string },
): PushFix {
  if (!fix || !workspace) throw new Error('nothing is to be mended');
  const artifact = { name: 'bundle', sha256, sizeBytes: 9, contentType: 'text/plain' };
  const run = { command: 'npm test', exitCode: 1, durationMs: 9, tail: '', log: artifact };
  return {
    kind: 'push_fix',
    project: workspace.project,
    repository: workspace.repository,
    ref: fix.target.ref,
    expected: fix.target.expected,
    base: fix.target.base,
    commit,
    bundle: artifact,
    diff: { ...artifact, name: 'diff' },
    title,
    rootCause: 'Rounding was changed.',
    fixSummary: 'Changed back.',
    files: [],
    proof: { kind: 'test', red: run, green: { ...run, exitCode: 0 }, newTests: ['rounds'] },
  };
}
