import type { Turn } from '../gateway/testing/fake-messages-api.ts';

/** The model of the runs in `requests.ts`. */
export const MODEL = 'claude-opus-5-5';

export const bash = (command: string): Turn => ({
  call: 'Bash',
  input: { command, description: 'work' },
});

/** The result of a run that needed no code. */
export const REPORT = {
  kind: 'fix',
  outcome: 'not_code',
  finding: 'f',
  reasoning: 'r',
  rootCause: 'c',
  confidence: 0.9,
  alternatives: [],
  evidence: [{ claim: 'x', source: 'log:1-2' }],
};

export const report: Turn = { call: 'mcp__dogwatch__report', input: REPORT };
