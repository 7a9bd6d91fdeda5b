import { expect, test } from 'vitest';
import type { RunRequest } from '../../../core/contracts/run.ts';
import { createLogger } from '../logger.ts';
import { fakeBackend, type Script } from '../testing/fake-backend.ts';
import { runRequest } from '../testing/requests.ts';
import type { EventPayload } from '../worker/event-spool.ts';
import { LeaseClock } from '../worker/lease-clock.ts';
import { LiveRun, type LiveRunDeps } from './live-run.ts';

const MINUTE = 60_000;

/** A session on a clock that the test turns; `told` is what would go to the Worker. */
function play(script: Script, change: Partial<RunRequest> = {}) {
  const told: EventPayload[] = [];
  const disk = { isFull: false };
  const clock = { nowMs: 0, monotonicMs: 0 };
  const leaseClock = new LeaseClock(() => clock.monotonicMs);
  const request = runRequest('one', change);
  leaseClock.renewed(request.id, 0);
  const nothing = {
    started: false,
    resultGiven: false,
    fixAccepted: false,
    requests: [],
    messagesGiven: [],
    spentMicroUsd: 0,
  };
  const deps = {
    backend: fakeBackend(script),
    spool: {
      append: (_run: string, _fence: number, payload: EventPayload) => {
        if (disk.isFull) throw new Error('ENOSPC: no space left on device');
        told.push(payload);
        return null;
      },
      told: () => nothing,
    },
    messages: { of: () => [], put: () => undefined },
    leaseClock,
    logger: createLogger({ redact: (text) => text, write: () => undefined, nowMs: () => 0 }),
    redact: (text: string) => text,
    nowMs: () => clock.nowMs,
    random: () => 0,
    sleep: (delayMs: number) => new Promise<void>((done) => setTimeout(done, Math.min(delayMs, 5))),
    imageReady: async () => undefined,
  };
  // What a session of these tests never asks for is not there.
  return { run: new LiveRun(request, deps as unknown as LiveRunDeps), told, clock, disk };
}

test('a session without a sign of life is silent; one that waits for the control plane, or for our answer, is not', async () => {
  const paused = Promise.withResolvers<void>();
  const { run, clock } = play(async ({ handlers, killed }) => {
    await paused.promise;
    const may = handlers.mayCall?.();
    await killed;
    await may;
    return { reason: 'canceled' };
  });
  await run.opened;
  clock.nowMs = 11 * MINUTE;
  expect(run.silentMs()).toBe(11 * MINUTE);
  clock.monotonicMs = 11 * MINUTE;
  paused.resolve();
  await expect.poll(() => run.silentMs()).toBe(0);
  run.stop('canceled', 'test is over');
  expect(await run.settled).toBe('canceled');
});

test('a silent session is told to the operator, killed, and ends silent', async () => {
  const { run, told } = play(async ({ killed }) => {
    await killed;
    return { reason: 'timeout' };
  });
  await run.opened;
  run.stop('silent', 'no sign of life for 10 minutes');
  expect(await run.settled).toBe('silent');
  expect(told.map(({ type }) => type)).toEqual(['started', 'alert', 'ended']);
  expect(told[1]).toMatchObject({ data: { rule: 'silent' } });
});

test('a session that takes longer than expected is told once', async () => {
  const { run, told, clock } = play(
    async ({ handlers }) => {
      for (let turns = 1; turns <= 3; turns++) {
        clock.nowMs = turns * 5 * MINUTE;
        handlers.judge?.({ type: 'turn', turns });
      }
      return {};
    },
    { timeoutMs: 30 * MINUTE, estimateMs: 8 * MINUTE },
  );
  await run.settled;
  expect(told.filter(({ type }) => type === 'alert')).toMatchObject([{ data: { rule: 'overtime' } }]);
});

test('on a full disk the agent goes no step further, and what was spent and how it ended is written once there is room', async () => {
  const answers: string[] = [];
  const usage = { requestId: 'r', model: 'm', at: 1, inputTokens: 1, outputTokens: 1 };
  const cache = { cacheReadTokens: 0, cacheWrite5mTokens: 0, cacheWrite1hTokens: 0 };
  const { run, told, disk } = play(async ({ handlers }) => {
    await new Promise((done) => setTimeout(done, 5));
    disk.isFull = true;
    handlers.onUsage({ ...usage, ...cache });
    const line = { type: 'tool', id: 't', name: 'Bash', phase: 'requested' } as const;
    try {
      handlers.onEvent({ ...line, input: null, output: null, durationMs: null });
      answers.push('it may go on');
    } catch {
      answers.push('blocked');
    }
    return {};
  });
  setTimeout(() => {
    disk.isFull = false;
  }, 50);
  expect(await run.settled).toBe('no_result');
  expect(answers).toEqual(['blocked']);
  expect(told.map(({ type }) => type)).toEqual(['started', 'usage', 'ended']);
});
