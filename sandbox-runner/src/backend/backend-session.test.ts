import { expect, it } from 'vitest';
import { decideEnd } from './backend-session.ts';

const facts = {
  killedAs: null,
  budgetSpent: false,
  exitCode: 0,
  outOfMemory: false,
  placeGone: false,
  said: { reason: 'completed' as const, detail: 'All done.', turns: 3 },
  logTail: '',
};

it('believes the agent where the runner knows no better', () => {
  expect(decideEnd(facts)).toEqual({ reason: 'completed', detail: 'All done.' });
});

it('puts what the runner knows before what the container says', () => {
  expect(decideEnd({ ...facts, killedAs: 'canceled' }).reason).toBe('canceled');
  expect(decideEnd({ ...facts, killedAs: 'timeout', outOfMemory: true }).reason).toBe('timeout');
  expect(decideEnd({ ...facts, budgetSpent: true }).reason).toBe('budget');
});

it('tells a session that died of memory from one that lost a child to it', () => {
  expect(decideEnd({ ...facts, outOfMemory: true, said: null, exitCode: 137 }).reason).toBe('out_of_memory');
  expect(decideEnd({ ...facts, outOfMemory: true }).reason).toBe('completed');
});

it('blames the place, not the session, when the engine went away', () => {
  expect(decideEnd({ ...facts, said: null, exitCode: -1, placeGone: true }).reason).toBe('interrupted');
  expect(decideEnd({ ...facts, placeGone: true }).reason).toBe('completed');
});

it('shows the last lines of one that ended without a word', () => {
  const end = decideEnd({ ...facts, said: null, exitCode: 1, logTail: 'TypeError: x' });
  expect(end).toMatchObject({ reason: 'crashed', detail: expect.stringContaining('TypeError: x') });
});
