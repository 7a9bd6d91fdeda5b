import { describe, expect, test } from 'vitest';
import { decideRelay, MAX_HOPS, normaliseWords, REPEAT_WINDOW_MS, type RelayFacts } from './decide-relay.ts';

const facts: RelayFacts = {
  from: 'ryan',
  to: 'cody',
  hasRoute: true,
  receivedAtHop: 0,
  saidBeforeAt: null,
  nowMs: 1_000_000,
};

describe('a message from agent to agent', () => {
  test('is one hop further than what its sender has received', () => {
    expect(decideRelay(facts)).toEqual({ allowed: true, hops: 1 });
    expect(decideRelay({ ...facts, receivedAtHop: 3 })).toEqual({ allowed: true, hops: 4 });
  });

  test('goes nowhere without a route, whoever speaks', () => {
    for (const receivedAtHop of [0, null])
      expect(decideRelay({ ...facts, hasRoute: false, receivedAtHop })).toMatchObject({
        allowed: false,
        code: 'route_not_allowed',
      });
  });

  test('two that only answer each other are cut', () => {
    let hops = 0;
    let sent = 0;
    for (;;) {
      const decision = decideRelay({ ...facts, receivedAtHop: hops });
      if (!decision.allowed) {
        expect(decision.code).toBe('relay_loop_hops');
        break;
      }
      hops = decision.hops;
      sent += 1;
    }
    expect(sent).toBe(MAX_HOPS);
  });

  test('is not said twice within ten minutes', () => {
    const again = { ...facts, saidBeforeAt: facts.nowMs - REPEAT_WINDOW_MS + 1 };
    expect(decideRelay(again)).toMatchObject({ allowed: false, code: 'relay_loop_repeated' });
    expect(decideRelay({ ...again, nowMs: again.nowMs + 1 })).toEqual({ allowed: true, hops: 1 });
  });

  test('of a loop begins a conversation anew', () => {
    expect(decideRelay({ ...facts, receivedAtHop: null, saidBeforeAt: facts.nowMs })).toEqual({
      allowed: true,
      hops: 0,
    });
  });
});

test('the same words are the same, however they are written', () => {
  expect(normaliseWords('  The disk is FULL!\n(95 %)')).toBe(normaliseWords('the disk is full: 95%'));
  expect(normaliseWords('disk 95')).not.toBe(normaliseWords('disk 96'));
});
