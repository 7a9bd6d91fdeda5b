import { describe, expect, test } from 'vitest';
import { decideHandOff, isCheckpointDue, isOvertime } from './pace.ts';
import { decideProgress, noProgress, type ProgressState, type Signs } from './progress.ts';
import { decideCommand, decideOutcome, noRepeats } from './repeats.ts';
import { decideNextSession } from './sessions.ts';
import { isTestCommand, testOutcome } from './test-outcomes.ts';

const MINUTE = 60_000;

describe('the same command', () => {
  test('runs five times in ten minutes, and not a sixth time', () => {
    let state = noRepeats;
    const answers = [0, 1, 2, 3, 4, 5, 6].map((minute) => {
      const decided = decideCommand(state, minute % 2 ? 'npm  test' : 'npm test', minute * MINUTE);
      state = decided.state;
      return decided.blocked;
    });
    expect(answers).toEqual([false, false, false, false, false, true, true]);
    expect(decideCommand(state, 'npm run lint', 7 * MINUTE).blocked).toBe(false);
  });

  test('may run again when the window has passed', () => {
    let state = noRepeats;
    for (let n = 0; n < 5; n++) state = decideCommand(state, 'npm test', n).state;
    expect(decideCommand(state, 'npm test', 10 * MINUTE - 1).blocked).toBe(true);
    expect(decideCommand(state, 'npm test', 10 * MINUTE + 5).blocked).toBe(false);
  });
});

describe('the same call with the same error', () => {
  const fail = (error: string, input = 'npm test') => ({ name: 'Bash', input, error });

  test('ends the run at the sixth time, whatever the times and sizes in its text', () => {
    let state = noRepeats;
    const stuck = [1, 2, 3, 4, 5, 6].map((n) => {
      const decided = decideOutcome(state, fail(`1 failed in ${n}.5 s`));
      state = decided.state;
      return decided.stuck;
    });
    expect(stuck).toEqual([false, false, false, false, false, true]);
  });

  test('is forgotten when the call succeeds, and does not count for another error', () => {
    let state = noRepeats;
    for (let n = 0; n < 5; n++) state = decideOutcome(state, fail('a')).state;
    expect(decideOutcome(state, fail('b')).stuck).toBe(false);
    expect(decideOutcome(state, fail('a', 'npm run x')).stuck).toBe(false);
    state = decideOutcome(state, { name: 'Bash', input: 'npm test', error: null }).state;
    expect(decideOutcome(state, fail('a')).stuck).toBe(false);
  });
});

describe('progress', () => {
  const idle: Signs = { itemsDone: 0, workspace: 'a', tests: '' };
  const play = (signs: (turn: number) => Signs, turns: number) => {
    let state: ProgressState = noProgress;
    const decisions: string[] = [];
    for (let turn = 1; turn <= turns; turn++) {
      const decided = decideProgress(state, turn, signs(turn));
      state = decided.state;
      if (decided.decision !== 'go_on') decisions.push(`${turn}:${decided.decision}`);
    }
    return decisions;
  };

  test('without any, three looks warn and two more end the run', () => {
    expect(play(() => idle, 50)).toEqual(['30:warn', '50:end']);
  });

  test.each([
    ['a checklist item', { itemsDone: 1 }],
    ['a changed file', { workspace: 'b' }],
    ['another outcome of the tests', { tests: 'npm test: green' }],
  ])('%s starts the count anew', (_, sign) => {
    expect(play((turn) => (turn < 28 ? idle : { ...idle, ...sign }), 60)).toEqual(['60:warn']);
  });
});

test('time: 120% of the estimate is told; the last minutes, or a second compaction, are for the hand-off', () => {
  expect([isOvertime(12 * MINUTE, 10 * MINUTE), isOvertime(12 * MINUTE + 1, 10 * MINUTE)]).toEqual([
    false,
    true,
  ]);
  expect(decideHandOff(24 * MINUTE, 30 * MINUTE, 0)).toBeNull();
  expect(decideHandOff(25 * MINUTE, 30 * MINUTE, 0)).toBe('wall_clock');
  expect(decideHandOff(46_000, MINUTE, 0)).toBe('wall_clock');
  expect(decideHandOff(0, 30 * MINUTE, 2)).toBe('context');
});

test('a checkpoint is due after ten turns, when there is something new to keep', () => {
  expect(isCheckpointDue(9, 'b', 'a')).toBe(false);
  expect(isCheckpointDue(10, 'b', 'a')).toBe(true);
  expect(isCheckpointDue(10, 'a', 'a')).toBe(false);
  expect(isCheckpointDue(10, null, null)).toBe(false);
});

describe('after a session', () => {
  const end = { hasResult: false, newCheckpoint: false } as const;

  test('a fresh one goes on from a hand-off, after a broken runner or a stop of everything, and from what was kept', () => {
    expect(decideNextSession({ ...end, reason: 'handed_off' }, 1, 1)).toBe('fresh_session');
    expect(decideNextSession({ ...end, reason: 'interrupted' }, 1, 1)).toBe('fresh_session');
    expect(decideNextSession({ ...end, reason: 'canceled' }, 1, 1)).toBe('fresh_session');
    expect(decideNextSession({ ...end, reason: 'timeout', newCheckpoint: true }, 1, 1)).toBe('fresh_session');
  });

  test('not without end, not without money, not after a result or a guardrail', () => {
    expect(decideNextSession({ ...end, reason: 'handed_off' }, 4, 1)).toBe('end');
    expect(decideNextSession({ ...end, reason: 'handed_off' }, 1, 0)).toBe('end');
    expect(decideNextSession({ ...end, reason: 'handed_off', hasResult: true }, 1, 1)).toBe('end');
    expect(decideNextSession({ ...end, reason: 'timeout' }, 1, 1)).toBe('end');
    for (const reason of ['stuck', 'budget', 'completed', 'lease_lost'] as const)
      expect(decideNextSession({ ...end, reason, newCheckpoint: true }, 1, 1)).toBe('end');
  });
});

test('a test command is known by its name, or as the one that failed; its outcome by what fails', () => {
  for (const command of ['npm test', 'npm t', 'cd x && node --test a.js', 'npx vitest run', 'go test ./...'])
    expect(isTestCommand(command, null)).toBe(true);
  for (const command of ['ls test', 'git log', 'cat go.mod'])
    expect(isTestCommand(command, null)).toBe(false);
  expect(isTestCommand('bash ci.sh', 'bash ci.sh')).toBe(true);
  const red = testOutcome('not ok 1 - rounds up\n  ---\n  duration_ms: 3\n  ...\n1..1\n# fail 1\n', false);
  expect(red).toMatch(/^red/);
  expect(testOutcome('', true)).toBe('green');
});
