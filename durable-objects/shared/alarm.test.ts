import { expect, test } from 'vitest';
import { Alarm, computeNextAlarm } from './alarm.ts';

const needs = {
  nowMs: 1_000,
  nextEffectAt: null,
  inFlight: 0,
  nextTimerAt: null,
  projectionsAt: null,
  fresh: false,
};

test('an idle object sleeps', () => {
  expect(computeNextAlarm(needs)).toBeNull();
});

test('what is due was started in memory; the alarm only catches a crash', () => {
  expect(computeNextAlarm({ ...needs, nextEffectAt: 900 })).toBe(6_000);
  expect(computeNextAlarm({ ...needs, inFlight: 1 })).toBe(36_000);
});

test('a fresh instance has started nothing', () => {
  expect(computeNextAlarm({ ...needs, nextEffectAt: 900, fresh: true })).toBe(1_000);
});

test('the earliest of what is to come counts; a timer is never rounded up', () => {
  expect(computeNextAlarm({ ...needs, nextEffectAt: 9_000, nextTimerAt: 8_000, projectionsAt: 7_000 })).toBe(
    7_000,
  );
  expect(computeNextAlarm({ ...needs, nextEffectAt: 900, nextTimerAt: 1_001 })).toBe(1_001);
  expect(computeNextAlarm({ ...needs, nextTimerAt: 5 })).toBe(1_000);
});

test('a fresh instance keeps an alarm that is early enough, and an alarm is written only when it moves', async () => {
  const written: (number | null)[] = [];
  const alarm = new Alarm({
    getAlarm: async () => 500,
    setAlarm: async (at) => void written.push(Number(at)),
    deleteAlarm: async () => void written.push(null),
  });
  await alarm.adopt(1_000);
  alarm.set(500);
  expect(written).toEqual([]);
  alarm.fired();
  alarm.set(700);
  alarm.set(700);
  alarm.set(null);
  expect(written).toEqual([700, null]);
});
