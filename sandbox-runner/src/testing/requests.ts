import { createHash } from 'node:crypto';
import { derivedId } from '../../../core/contracts/ids.ts';
import type { RunRequest } from '../../../core/contracts/run.ts';
import { IDENTITY } from './repositories.ts';

const sha256 = (text: string) => createHash('sha256').update(text).digest();

export const runId = (name: string): string => derivedId('run', sha256(name));

/** A run of Cody on the failed test step of `shop/parcel-rates`. */
export function runRequest(
  name: string,
  change: Partial<RunRequest> = {},
  base = '0'.repeat(40),
): RunRequest {
  return {
    id: runId(name),
    fence: 1,
    group: 'cody',
    incident: derivedId('inc', sha256('incident')),
    model: 'claude-opus-5-5',
    budgetUsd: 5,
    maxTurns: 50,
    timeoutMs: 60_000,
    charter: 'You are Cody.',
    prompt: 'Mend it.',
    artifacts: [],
    workspace: { project: 'shop', repository: 'parcel-rates', ref: 'refs/heads/main', commit: base },
    fix: {
      target: {
        ref: 'refs/heads/fix/ci-1',
        expected: null,
        base,
        defaultBranch: 'refs/heads/main',
        forbiddenPaths: [],
        maxFiles: 100,
      },
      step: { name: 'Test', command: 'npm test', kind: 'test' },
    },
    identity: IDENTITY,
    routes: ['anthropic', 'git', 'npm'],
    credentials: [],
    tools: ['relay', 'report', 'submit_fix', 'read_artifact'],
    result: 'fix',
    hostRights: { hosts: [], reversible: [] },
    estimateMs: null,
    checkpoint: null,
    imageDigest: null,
    ...change,
  };
}
