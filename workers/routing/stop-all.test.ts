import { expect, test } from 'vitest';
import { stopText } from './stop-all.ts';

test.each([
  [[], [], 'Stopped: no session ran.'],
  [['run_1'], [], 'Stopped: 1 session ended.'],
  [['run_1', 'run_2'], ['run_3'], 'Stopped: 2 sessions ended.'],
])('the operator reads on a phone what became of %j and %j', (ended, unreachable, first) => {
  const lines = stopText({ ended, unreachable }).split('\n');
  expect(lines[0]).toBe(first);
  expect(lines.filter((line) => line.includes('could not be reached'))).toHaveLength(unreachable.length);
  expect(lines.at(-1)).toContain('/resume');
});
