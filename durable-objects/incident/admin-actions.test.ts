import { env } from 'cloudflare:workers';
import { beforeAll, beforeEach, expect, test } from 'vitest';
import { migrateDatabase } from '../../workers/test/database.ts';
import { Outside } from '../../workers/test/outside.ts';
import { relayPolicyStub, schedulerStub } from '../stubs.ts';
import { performAdminAction } from './admin-actions.ts';

beforeAll(migrateDatabase);
beforeEach(() => void new Outside());

const REQUEST = `int_${'0'.repeat(26)}`;

test('a route is opened and closed, and doing it twice is doing it once', async () => {
  const route = { from: 'sam', to: 'team' };
  for (let n = 0; n < 2; n++)
    expect(await performAdminAction(env, REQUEST, { kind: 'allow_relay_route', ...route })).toMatchObject({
      outcome: 'done',
    });
  expect(await relayPolicyStub(env).allows('sam', 'team')).toBe(true);
  expect(await performAdminAction(env, REQUEST, { kind: 'remove_relay_route', ...route })).toEqual({
    outcome: 'done',
    detail: 'The route is closed.',
  });
  expect(await relayPolicyStub(env).allows('sam', 'team')).toBe(false);
});

test('a schedule is paused, resumed and run; one that does not exist is refused by name', async () => {
  const schedules = await schedulerStub(env).list();
  const schedule = schedules[0]?.id ?? '';
  expect(schedule).not.toBe('');
  const pausedAfter = async (kind: 'pause_schedule' | 'resume_schedule') => {
    expect(await performAdminAction(env, REQUEST, { kind, schedule })).toMatchObject({ outcome: 'done' });
    return (await schedulerStub(env).view(schedule))?.schedule.paused;
  };
  expect(await pausedAfter('pause_schedule')).toBe(true);
  expect(await pausedAfter('resume_schedule')).toBe(false);
  expect(await performAdminAction(env, REQUEST, { kind: 'pause_schedule', schedule: 'nothing' })).toEqual({
    outcome: 'refused',
    detail: 'There is no schedule nothing.',
  });
  await performAdminAction(env, REQUEST, { kind: 'run_schedule', schedule });
  await performAdminAction(env, REQUEST, { kind: 'run_schedule', schedule });
  expect((await schedulerStub(env).view(schedule))?.firings).toHaveLength(1);
});
