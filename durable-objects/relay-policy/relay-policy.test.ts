import { runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { beforeAll, beforeEach, expect, test } from 'vitest';
import { migrateDatabase } from '../../workers/test/database.ts';
import { Outside, until } from '../../workers/test/outside.ts';
import { sqlOf } from '../shared/sql.ts';
import { relayPolicyStub } from '../stubs.ts';
import { RelayPolicyStore } from './relay-policy-store.ts';

let outside: Outside;
beforeAll(migrateDatabase);
beforeEach(() => {
  outside = new Outside();
  outside.json('POST', /sendMessage/, () => ({ ok: true, result: { message_id: 1 } }));
});

const agentSays = (message: string, text: string, conversation = 'inc_a', at = 5) => ({
  message,
  conversation,
  incident: conversation,
  run: 'run_1',
  text,
  at,
});
const alerts = () => outside.asked('POST', /sendMessage/).map(({ body }) => (body as { text: string }).text);

test('the five routes stand from the first day', async () => {
  const routes = await relayPolicyStub(env).routes();
  expect(routes.map(({ from, to }) => `${from}→${to}`)).toEqual([
    'cody→ryan',
    'ryan→cody',
    'ryan→sam',
    'sam→cody',
    'sam→ryan',
  ]);
});

test('a refusal gives its reason and leaves an audit row', async () => {
  const policy = relayPolicyStub(env);
  const request = agentSays('msg_1', 'hello');
  expect(await policy.ask({ ...request, from: 'cody', to: 'sam' })).toEqual({
    allowed: false,
    code: 'route_not_allowed',
    reason: 'there is no relay route from cody to sam',
  });
  const row = await until(() =>
    env.DB.prepare(`SELECT * FROM audit WHERE chain = 'relay-policy' AND action = 'relay_refused'`).first(),
  );
  expect(row).toMatchObject({ actor: 'cody', run: 'run_1', seq: 1 });
});

test('a route that was allowed and removed again is refused, and both are audited', async () => {
  const policy = relayPolicyStub(env);
  await policy.allow('cody', 'sam', 'operator', 6);
  expect(await policy.allows('cody', 'sam')).toBe(true);
  expect(await policy.remove('cody', 'sam', 'operator', 7)).toBe(true);
  expect(await policy.allows('cody', 'sam')).toBe(false);
  const rows = await until(async () => {
    const { results } = await env.DB.prepare(
      `SELECT action FROM audit WHERE chain = 'relay-policy' AND actor = 'operator' ORDER BY seq`,
    ).all<{ action: string }>();
    return results.length === 2 && results;
  });
  expect(rows.map(({ action }) => action)).toEqual(['relay_route_allowed', 'relay_route_removed']);
});

test('two agents that only answer each other are cut, the operator hears it once, and a loop may go on', async () => {
  const policy = relayPolicyStub(env);
  const pair = (n: number) => (n % 2 === 0 ? { from: 'ryan', to: 'cody' } : { from: 'cody', to: 'ryan' });
  const say = (n: number) => policy.ask({ ...agentSays(`msg_h${n}`, `thought ${n}`, 'inc_h'), ...pair(n) });
  for (let n = 0; n < 6; n++) expect(await say(n)).toEqual({ allowed: true });
  for (const n of [6, 6, 8]) expect(await say(n)).toMatchObject({ allowed: false, code: 'relay_loop_hops' });
  expect(await say(5)).toEqual({ allowed: true });
  await until(async () => alerts().length === 1);
  expect(alerts()[0]).toContain('ryan → cody went to and fro 6 times');
  const elsewhere = { ...agentSays('msg_h9', 'thought 9', 'inc_other'), ...pair(6) };
  expect(await policy.ask(elsewhere)).toEqual({ allowed: true });
  const handOver = { ...elsewhere, message: 'msg_loop', conversation: 'inc_h', run: null, text: null };
  expect(await policy.ask({ ...handOver, from: 'cody', to: 'ryan' })).toEqual({ allowed: true });
  expect(await say(10)).toEqual({ allowed: true });
});

test('the same words within ten minutes are refused, and a repeated request is not the same words', async () => {
  const policy = relayPolicyStub(env);
  const route = { from: 'sam', to: 'ryan' };
  const ask = (message: string, text: string, at: number, conversation = 'inc_r') =>
    policy.ask({ ...agentSays(message, text, conversation, at), ...route });
  expect(await ask('msg_r1', 'Disk is full: 95%', 1_000)).toEqual({ allowed: true });
  expect(await ask('msg_r1', 'Disk is full: 95%', 2_000)).toEqual({ allowed: true });
  for (const at of [3_000, 4_000])
    expect(await ask('msg_r2', 'disk is  FULL – 95 %!', at, 'inc_s')).toMatchObject({
      allowed: false,
      code: 'relay_loop_repeated',
    });
  expect(await ask('msg_r3', 'Disk is full: 96%', 5_000)).toEqual({ allowed: true });
  expect(await ask('msg_r4', 'Disk is full: 95%', 601_000)).toEqual({ allowed: true });
  await until(async () => alerts().length === 1);
  const { results } = await env.DB.prepare(
    `SELECT data FROM audit WHERE chain = 'relay-policy' AND data LIKE '%relay_loop_repeated%'`,
  ).all();
  expect(results).toHaveLength(2);
});

test('what is remembered of conversations is bounded', async () => {
  const stub = env.RELAY_POLICY.getByName('bounded');
  await runInDurableObject(stub, (_, state) => {
    const store = new RelayPolicyStore(sqlOf(state.storage), () => {});
    for (let n = 0; n < 5_200; n++)
      store.ask({ ...agentSays(`m${n}`, `t${n}`, `c${n}`, n), from: 'ryan', to: 'cody' });
    const rows = (table: string) =>
      state.storage.sql.exec<{ c: number }>(`SELECT count(*) AS c FROM ${table}`).one().c;
    expect(rows('reached')).toBeLessThanOrEqual(5_000);
    expect(rows('said')).toBeLessThanOrEqual(2_000);
  });
});
