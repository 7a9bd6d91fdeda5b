import { newId } from '../../core/contracts/ids.ts';
import type { Judgement } from '../../core/contracts/results.ts';
import type { RunnerEvent } from '../../core/contracts/run.ts';
import type { RunSpec } from '../../core/loops/effects.ts';

const random = () => crypto.getRandomValues(new Uint8Array(10));
export const freshRun = (): string => newId('run', Date.now(), random());
export const freshIncident = (): string => newId('inc', Date.now(), random());

export function judgeSpec(change: Partial<RunSpec> = {}): RunSpec {
  return {
    run: freshRun(),
    group: 'ryan',
    kind: 'light',
    purpose: 'judge',
    incident: freshIncident(),
    episode: 1,
    prompt: 'Failed step: Test',
    artifacts: [],
    workspace: null,
    fix: null,
    ...change,
  };
}

export function fixSpec(change: Partial<RunSpec> = {}): RunSpec {
  const commit = 'a'.repeat(40);
  return judgeSpec({
    group: 'cody',
    kind: 'heavy',
    purpose: 'fix',
    workspace: { project: 'shop', repository: 'parcel-rates', ref: 'refs/heads/main', commit },
    fix: {
      target: {
        ref: 'refs/heads/fix/ci-x-1',
        expected: null,
        base: commit,
        defaultBranch: 'refs/heads/main',
        forbiddenPaths: [],
        maxFiles: 100,
      },
      step: { name: 'Test', command: 'npm test', kind: 'test' },
    },
    ...change,
  });
}

const common = {
  finding: 'The rounding test fails.',
  reasoning: 'The last commit changed the rounding.',
  rootCause: 'Rounding was changed.',
  confidence: 0.9,
  alternatives: [],
  evidence: [{ claim: 'It fails', source: 'log:1-2' }],
};
export const judgement: Judgement = {
  kind: 'judgement',
  category: 'code',
  advice: 'Look at money.ts',
  ...common,
};
export const report = { kind: 'report' as const, outcome: 'done' as const, answer: 'Sam looks.', ...common };
export const fixResult = { kind: 'fix' as const, outcome: 'fixed' as const, ...common };

type Told<E> = E extends RunnerEvent ? Pick<E, 'type' | 'data'> : never;

/** A runner's events in sequence, from 1. */
export function toldBy(run: string, fence: number, events: Told<RunnerEvent>[]): RunnerEvent[] {
  return events.map(
    (event, index) => ({ run, fence, seq: index + 1, at: 1_000 + index, ...event }) as RunnerEvent,
  );
}

export const usage = (requestId: string, outputTokens = 100) => ({
  requestId,
  model: 'claude-opus-5-5',
  at: 1_000,
  inputTokens: 1_000,
  outputTokens,
  cacheReadTokens: 0,
  cacheWrite5mTokens: 0,
  cacheWrite1hTokens: 0,
});
