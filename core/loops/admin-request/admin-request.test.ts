import { describe, expect, test } from 'vitest';
import type { HostCommand } from '../../contracts/host-command.ts';
import type { AdminRequest } from '../../contracts/intents.ts';
import type { DecideContext, Decision } from '../loop.ts';
import type { AdminRequestEvent } from './events.ts';
import type { AdminRequestFact } from './facts.ts';
import { adminRequest } from './index.ts';
import type { AdminRequestState } from './state.ts';

const INCIDENT = `inc_${'1'.repeat(26)}`;
const RUN = `run_${'2'.repeat(26)}`;
const INTENT = `int_${'3'.repeat(26)}`;
const DIGEST = 'd'.repeat(64);
const PERSON = { subject: 'sub_1', digest: 'x' };

const COMMAND: HostCommand = {
  kind: 'host_command',
  host: 'staging',
  target: 'a'.repeat(64),
  argv: ['docker', 'rm', '-f', 'old; reboot'],
  command: 'docker rm',
  group: 'sam',
  reason: 'It mines <b>coins</b>',
};

const REQUEST: AdminRequest = {
  kind: 'admin_request',
  title: 'Let Sam write to Team',
  reason: 'Findings for the operator',
  action: { kind: 'allow_relay_route', from: 'sam', to: 'team' },
  group: 'sam',
};

function play(
  events: AdminRequestEvent[],
  startMs = 1_000,
): { state: AdminRequestState; last: Decision<AdminRequestFact> } {
  let state = adminRequest.initial(INCIDENT);
  let last: Decision<AdminRequestFact> = { facts: [], effects: [] };
  events.forEach((event, index) => {
    const context: DecideContext = { nowMs: startMs + index, id: (type, name) => `${type}:${name}` };
    last = adminRequest.decide(state, event, context);
    for (const fact of last.facts) state = adminRequest.evolve(state, fact, context.nowMs);
  });
  return { state, last };
}

const filed = (body: HostCommand | AdminRequest): AdminRequestEvent => ({
  type: 'request_filed',
  data: {
    intent: { id: INTENT, run: RUN, fence: 7, digest: DIGEST, body },
    group: 'sam',
    incident: INCIDENT,
  },
});

const verdict = (word: 'approved' | 'denied', attempt = 1): AdminRequestEvent => ({
  type: 'approval_given',
  data: { attempt, verdict: word, by: PERSON, via: 'telegram' },
});

const executed: AdminRequestEvent = {
  type: 'intent_performed',
  data: {
    intent: INTENT,
    outcome: { outcome: 'executed', exitCode: 0, durationMs: 5, output: 'old', log: null },
  },
};

const kinds = ({ effects }: Decision<AdminRequestFact>): string[] => effects.map(({ kind }) => kind);

describe('an irreversible command', () => {
  test('is shown to the operator word for word, with two buttons', () => {
    const { state, last } = play([filed(COMMAND)]);
    expect(state.status).toBe('waiting');
    const [ask] = last.effects;
    if (ask?.kind !== 'notify_operator') throw new Error('the operator was not asked');
    expect(ask.data.class).toBe('decision');
    expect(ask.data.text).toContain(
      '&quot;docker&quot; &quot;rm&quot; &quot;-f&quot; &quot;old; reboot&quot;',
    );
    expect(ask.data.text).toContain('It mines &lt;b&gt;coins&lt;/b&gt;');
    expect(ask.data.buttons.map(({ action }) => action)).toEqual([`ok:${INCIDENT}:1`, `no:${INCIDENT}:1`]);
  });

  test('is performed once, under exactly the digest that was approved', () => {
    const { state, last } = play([filed(COMMAND), verdict('approved')]);
    expect(state.status).toBe('performing');
    expect(last.effects).toEqual([
      { kind: 'perform_intent', data: { run: RUN, fence: 7, intent: INTENT, digest: DIGEST } },
    ]);
    const again = play([filed(COMMAND), verdict('approved'), verdict('approved')]);
    expect(again.last.effects).toEqual([]);
  });

  test('tells its asker and the operator what came of it', () => {
    const { state, last } = play([filed(COMMAND), verdict('approved'), executed]);
    expect(state.status).toBe('approved');
    expect(kinds(last)).toEqual(['settle_operator_message', 'steer_run', 'post_message']);
    const told = last.effects.find(({ kind }) => kind === 'steer_run');
    expect(JSON.stringify(told)).toContain('was approved and done');
  });

  test('that was refused by the runner has failed, not been done', () => {
    const refused: AdminRequestEvent = {
      type: 'intent_performed',
      data: { intent: INTENT, outcome: { outcome: 'refused', code: 'host_changed', reason: 'other keys' } },
    };
    const { state } = play([filed(COMMAND), verdict('approved'), refused]);
    expect(state).toMatchObject({ status: 'failed', outcome: 'host_changed: other keys' });
  });

  test('too long to be shown whole is denied by itself', () => {
    const { state, last } = play([filed({ ...COMMAND, argv: ['docker', 'rm', 'x'.repeat(3_500)] })]);
    expect(state.status).toBe('denied');
    expect(kinds(last)).not.toContain('notify_operator');
  });
});

describe('a request', () => {
  test('that is approved has its action done by trusted code', () => {
    const { last } = play([filed(REQUEST), verdict('approved')]);
    expect(last.effects).toEqual([
      { kind: 'perform_admin_action', data: { request: INTENT, action: REQUEST.action } },
    ]);
  });

  test('that is denied comes to nothing, and a later yes changes nothing', () => {
    const { state, last } = play([filed(REQUEST), verdict('denied'), verdict('approved')]);
    expect(state.status).toBe('denied');
    expect(last.effects).toEqual([]);
  });

  test('that nobody answers expires after 24 hours', () => {
    const waiting = play([filed(REQUEST)]).state;
    const [timer] = adminRequest.timers(waiting);
    expect(timer).toEqual({ name: 'verdict', dueAt: 1_000 + 24 * 3_600_000 });
    const { state, last } = play([
      filed(REQUEST),
      { type: 'timer_fired', data: timer ?? { name: '', dueAt: 0 } },
      verdict('approved'),
    ]);
    expect(state.status).toBe('expired');
    expect(last.effects).toEqual([]);
  });

  test('filed twice is one', () => {
    expect(play([filed(REQUEST), filed(REQUEST)]).last.effects).toEqual([]);
  });

  test('for a person is taken on by approving', () => {
    const { state } = play([
      filed({ ...REQUEST, action: { kind: 'for_a_person', text: 'Renew the certificate' } }),
      verdict('approved'),
    ]);
    expect(state.status).toBe('approved');
    expect(adminRequest.timers(state)).toEqual([]);
  });
});
