import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import Anthropic from '@anthropic-ai/sdk';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type AnthropicTwin, createAnthropicTwin } from '../index.ts';
import { createExecutor, runSession } from '../testing/executor.ts';
import { buildRepository, fixPrompt } from '../testing/repositories.ts';
import { scenarios } from '../testing/scenarios.ts';
import { checkSubmission } from '../testing/submit-check.ts';

let twin: AnthropicTwin;
let client: Anthropic;
beforeAll(async () => {
  twin = await createAnthropicTwin({ apiKey: 'key' });
  client = new Anthropic({ apiKey: 'key', baseURL: twin.url });
});
afterAll(() => twin.close());

describe('the strategy, on defects of many shapes', () => {
  for (const scenario of scenarios) {
    it(scenario.name, { timeout: 120_000 }, async () => {
      const repository = buildRepository(scenario.commits);
      const { root, shas } = repository;
      const base = shas.at(-1) ?? '';
      const reports: Record<string, unknown>[] = [];
      const submitted: Record<string, unknown>[] = [];
      try {
        const lastGreen = scenario.lastGreen === undefined ? undefined : shas[scenario.lastGreen];
        const session = await runSession({
          client,
          system: 'You are Cody.',
          prompt: fixPrompt(repository, scenario.command, lastGreen),
          handlers: createExecutor(root, {
            mcp__dogwatch__submit_fix: async (input) => {
              submitted.push(input);
              return checkSubmission(root, base, scenario.command ?? 'npm test', String(input.proof));
            },
            mcp__dogwatch__report: async (input) => {
              reports.push(input);
              return { text: 'noted', isError: false };
            },
          }),
          schemas: schemas,
        });
        const told = session.calls
          .map((call) => `${call.name} ${JSON.stringify(call.input)}\n  → ${call.answer.text}`)
          .join('\n');
        expect(reports, told).toHaveLength(1);
        expect(reports[0], told).toMatchObject({ kind: 'fix', outcome: scenario.outcome });
        for (const end of scenario.ends ?? []) {
          const text = readFileSync(join(root, end.file), 'utf8');
          if (end.has !== undefined) expect(text, told).toContain(end.has);
          if (end.gone !== undefined) expect(text, told).not.toContain(end.gone);
        }
        if (scenario.outcome === 'fixed') {
          expect(submitted.at(-1), told).toMatchObject({ proof: scenario.proof });
          expect(session.calls.findLast((call) => call.name.endsWith('submit_fix'))?.answer.text).toMatch(
            /^accepted/,
          );
        } else {
          expect(submitted).toHaveLength(0);
          expect(execFileSync('git', ['status', '--porcelain'], { cwd: root, encoding: 'utf8' })).toBe('');
        }
      } finally {
        repository.remove();
      }
    });
  }
});

describe('a fix that is refused', () => {
  const small = scenarios.find((scenario) => scenario.name.startsWith('an off-by-one'));
  const attempt = async (answer: (proof: string) => { text: string; isError: boolean }) => {
    const repository = buildRepository(small?.commits ?? []);
    const reports: Record<string, unknown>[] = [];
    const proofs: string[] = [];
    try {
      await runSession({
        client,
        system: 'You are Cody.',
        prompt: fixPrompt(repository, 'node --test', repository.shas[0]),
        handlers: createExecutor(repository.root, {
          mcp__dogwatch__submit_fix: async (input) => {
            proofs.push(String(input.proof));
            return answer(String(input.proof));
          },
          mcp__dogwatch__report: async (input) => {
            reports.push(input);
            return { text: 'noted', isError: false };
          },
        }),
        schemas,
      });
    } finally {
      repository.remove();
    }
    return { report: reports[0], proofs };
  };

  it('is handed in with the other proof when the proof displeased', async () => {
    const refusal = { text: 'The fix was refused:\n- not_red: passes at the base', isError: true };
    const { report, proofs } = await attempt((proof) =>
      proof === 'test' ? refusal : { text: 'The fix was accepted (int_1).', isError: false },
    );
    expect(proofs).toEqual(['test', 'command']);
    expect(report).toMatchObject({ outcome: 'fixed' });
  });

  it('is reported as not diagnosable, with the reason, when nothing helps', async () => {
    const refusal = { text: 'The fix was refused:\n- forbidden_path: leave src/pages.js', isError: true };
    const { report } = await attempt(() => refusal);
    expect(report).toMatchObject({
      outcome: 'not_diagnosable',
      finding: expect.stringContaining('forbidden_path'),
    });
  });
});

const text = { type: 'string' };
const schemas = {
  mcp__dogwatch__submit_fix: {
    type: 'object' as const,
    properties: { title: text, rootCause: text, fixSummary: text, proof: { enum: ['test', 'command'] } },
    required: ['title', 'rootCause', 'fixSummary', 'proof'],
  },
  mcp__dogwatch__report: {
    type: 'object' as const,
    properties: {
      kind: { const: 'fix' },
      outcome: { enum: ['fixed', 'not_code', 'not_diagnosable'] },
      finding: text,
      reasoning: text,
      rootCause: { type: 'string', maxLength: 300 },
      confidence: { type: 'number', minimum: 0, maximum: 1 },
      alternatives: { type: 'array', items: { type: 'object' } },
      evidence: { type: 'array', minItems: 1, items: { type: 'object' } },
    },
    required: [
      'kind',
      'outcome',
      'finding',
      'reasoning',
      'rootCause',
      'confidence',
      'alternatives',
      'evidence',
    ],
  },
};
