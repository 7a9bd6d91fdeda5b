import { execFileSync } from 'node:child_process';
import { beforeEach, expect, test } from 'vitest';
import type { Intent, IntentOutcome } from '../../core/contracts/intents.ts';
import { fakeMessagesApi, type Turn } from './gateway/testing/fake-messages-api.ts';
import { openRunnerStage, type RunnerProcess, type RunnerStage } from './testing/runner-process.ts';

const MODEL = 'claude-opus-5-5';
let stage: RunnerStage;
beforeEach(async () => {
  stage = await openRunnerStage(`intents-${process.pid}`);
  execFileSync('git', ['config', 'http.receivepack', 'true'], { cwd: stage.repository.bare });
  return () => stage.close();
});

const TURNS: Turn[] = [
  {
    call: 'Bash',
    input: { command: 'echo three > a.txt && git commit --quiet --all -m mend', description: 'work' },
  },
  {
    call: 'mcp__dogwatch__submit_fix',
    input: { title: 'Count on', rootCause: 'It stopped at two.', fixSummary: 'Three.', proof: 'command' },
  },
  { say: 'done' },
];

/** Lets a session hand a fix in, kills the runner once all of it is over, and starts the next process. */
async function intentOfKilledRunner(modelUrl: string): Promise<{ intent: Intent; runner: RunnerProcess }> {
  const first = await stage.startRunner(modelUrl);
  const base = stage.repository.commits[1] ?? '';
  const target = { ref: 'refs/heads/fix/ci-1', expected: null, base, defaultBranch: 'refs/heads/main' };
  const request = stage.request('hands in', {
    tools: ['submit_fix'],
    fix: {
      target: { ...target, forbiddenPaths: [], maxFiles: 10 },
      step: { name: 'Check', kind: 'lint', command: 'grep -q three a.txt' },
    },
  });
  expect((await stage.put(first, request)).status).toBe(202);
  const told = await stage.worker.waitFor('intent', request.id);
  await stage.worker.waitFor('ended', request.id);
  if (told.type !== 'intent') throw new Error('unreachable');
  await stage.kill(first);
  return { intent: told.data, runner: await stage.startRunner(modelUrl) };
}

const tip = (ref: string) =>
  execFileSync('git', ['rev-parse', '--verify', '--quiet', ref], { cwd: stage.repository.bare })
    .toString()
    .trim();

async function perform(runner: RunnerProcess, intent: Intent): Promise<IntentOutcome> {
  const { run, fence, digest } = intent;
  const answer = await stage.ask(runner, 'PUT', `/v1/intents/${intent.id}`, { run, fence, digest, intent });
  expect(answer.status).toBe(200);
  return (await answer.json()) as IntentOutcome;
}

test('an intent outlives its run and two processes of its runner, and is done once', async () => {
  const api = await fakeMessagesApi(TURNS, MODEL);
  try {
    const { intent, runner } = await intentOfKilledRunner(api.url);
    if (intent.body.kind !== 'push_fix') throw new Error('unreachable');
    const { ref, commit } = intent.body;
    // What the runner needs is on its own disk.
    stage.worker.artifacts.clear();
    const performed = { outcome: 'performed', ref, commit };
    expect(await perform(runner, intent)).toEqual(performed);
    expect(tip(ref)).toBe(commit);
    expect(tip('refs/heads/main')).toBe(stage.repository.commits[1]);

    await stage.kill(runner);
    execFileSync('git', ['update-ref', '-d', ref], { cwd: stage.repository.bare });
    expect(await perform(await stage.startRunner(api.url), intent)).toEqual(performed);
    expect(() => tip(ref)).toThrow();
  } finally {
    await api.close();
  }
});

test('an intent is refused when its branch moved while nobody was there, and stays refused', async () => {
  const api = await fakeMessagesApi(TURNS, MODEL);
  try {
    const { intent, runner } = await intentOfKilledRunner(api.url);
    const [first = ''] = stage.repository.commits;
    execFileSync('git', ['update-ref', 'refs/heads/fix/ci-1', first], { cwd: stage.repository.bare });
    const refused = { outcome: 'refused', code: 'base_moved' };
    expect(await perform(runner, intent)).toMatchObject(refused);
    execFileSync('git', ['update-ref', '-d', 'refs/heads/fix/ci-1'], { cwd: stage.repository.bare });
    await stage.kill(runner);
    expect(await perform(await stage.startRunner(api.url), intent)).toMatchObject(refused);
    expect(() => tip('refs/heads/fix/ci-1')).toThrow();
  } finally {
    await api.close();
  }
});
