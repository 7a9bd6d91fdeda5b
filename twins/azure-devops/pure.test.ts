import { describe, expect, it } from 'vitest';
import { scriptLines } from './build-log.ts';
import { type DeliveryState, decideDelivery, probationDelaysMs, transientDelaysMs } from './hook-schedule.ts';
import { hostNetwork } from './host-network.ts';
import { parsePipeline, triggersOn } from './pipeline-yaml.ts';
import { conditionHolds, expandMacros, stepPath } from './step-environment.ts';
import { climb } from './timeline.ts';
import { azureTime } from './world.ts';

function pipeline(text: string) {
  const parsed = parsePipeline(text);
  if (!parsed.ok) throw new Error(parsed.message);
  return parsed.pipeline;
}

describe('a pipeline file', () => {
  it.each([
    ['trigger: none', 'main', false],
    ['', 'anything', true],
    ['trigger: [main]', 'main', true],
    ['trigger: [main]', 'other', false],
    ['trigger: { branches: { include: [feature/*], exclude: [feature/x] } }', 'feature/a', true],
    ['trigger: { branches: { include: [feature/*], exclude: [feature/x] } }', 'feature/x', false],
    ['trigger: { branches: { include: [refs/heads/main] } }', 'main', true],
    ['trigger: { branches: { exclude: [main] } }', 'topic', true],
  ])('%s on %s: %s', (trigger, branch, expected) => {
    const { trigger: filter } = pipeline(`${trigger}\nsteps: [{ script: 'true' }]`);
    expect(triggersOn(filter, `refs/heads/${branch}`)).toBe(expected);
  });

  it('gives the steps of stages and jobs, and what each task stands for', () => {
    const { stages } = pipeline(
      [
        'stages:',
        '- stage: Build',
        '  jobs:',
        '  - job: One',
        '    steps:',
        '    - task: NodeTool@0',
        '    - task: Npm@1',
        '      inputs: { command: ci }',
        '    - bash: make',
        '      continueOnError: true',
        '      env: { A: 1 }',
        '    - task: Weird@3',
      ].join('\n'),
    );
    const steps = stages[0]?.jobs[0]?.steps ?? [];
    expect(steps.map((step) => [step.kind, step.text])).toEqual([
      ['nothing', 'NodeTool@0'],
      ['script', 'npm ci'],
      ['bash', 'make'],
      ['unknown', 'Weird@3'],
    ]);
    expect(steps[2]).toMatchObject({ continueOnError: true, env: { A: '1' } });
  });

  it('is invalid without steps', () => {
    expect(parsePipeline('trigger: none').ok).toBe(false);
    expect(parsePipeline('steps: [').ok).toBe(false);
  });
});

describe('steps', () => {
  it('see a variable where one has that name, and leave the shell its own', () => {
    expect(expandMacros('$(Build.BuildId) $(pwd)', { 'Build.BuildId': '7' })).toBe('7 $(pwd)');
  });
  it('find the given node first and no package of this project', () => {
    expect(stepPath('/n/bin', '/x/node_modules/.bin:/usr/bin')).toBe('/n/bin:/usr/bin');
  });
  it('get the way to the registry from the host, and nothing else of it', () => {
    const env = {
      HTTPS_PROXY: 'p',
      NODE_EXTRA_CA_CERTS: 'c',
      AZURE_DEVOPS_PAT: 's',
      npm_config_registry: 'r',
    };
    expect(hostNetwork(env)).toEqual({
      ciEnv: { HTTPS_PROXY: 'p', NODE_EXTRA_CA_CERTS: 'c' },
      npmRegistryUrl: 'r',
    });
  });
  it('run by their condition', () => {
    expect([conditionHolds('always()', true), conditionHolds('succeeded()', true)]).toEqual([true, false]);
    expect([conditionHolds('failed()', true), conditionHolds('failed()', false)]).toEqual([true, false]);
  });
  it('show the script in the log only where it is one line', () => {
    expect(scriptLines('script', 'npm test\n', '/t/x.sh')).toContain('npm test');
    expect(scriptLines('bash', 'a\nb', '/t/x.sh').join()).not.toContain('Script contents');
  });
});

describe('results', () => {
  it('climb to the parents', () => {
    expect(climb(['succeeded', 'failed', 'skipped'])).toBe('failed');
    expect(climb(['succeeded', 'succeededWithIssues'])).toBe('succeededWithIssues');
    expect(climb(['skipped'])).toBe('skipped');
  });
  it('are timed to seven digits', () => {
    expect(azureTime(Date.UTC(2026, 2, 1, 10) + 123.5)).toBe('2026-03-01T10:00:00.1235000Z');
  });
});

describe('the delivery schedule', () => {
  it('repeats for 183 s, then goes on probation for 36 h, then disables', () => {
    let state: DeliveryState = { phase: 'transient', retries: 0 };
    let waitedMs = 0;
    const statuses: string[] = [];
    for (;;) {
      const decision = decideDelivery(503, state);
      if (decision.kind !== 'retry') {
        expect(decision.kind).toBe('disable');
        break;
      }
      waitedMs += decision.afterMs;
      statuses.push(decision.status);
      state = decision.state;
    }
    expect(waitedMs).toBe(183_000 + 36 * 3_600_000);
    expect(statuses.filter((status) => status === 'enabled')).toHaveLength(transientDelaysMs.length);
    expect(statuses.filter((status) => status === 'onProbation')).toHaveLength(probationDelaysMs.length);
  });
});
