import { env } from 'cloudflare:workers';
import { beforeAll, expect, test } from 'vitest';
import { migrateDatabase } from '../workers/test/database.ts';
import { until } from '../workers/test/outside.ts';
import { relayPolicyStub } from './stubs.ts';

beforeAll(migrateDatabase);

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
  const request = { message: 'msg_1', incident: null, run: 'run_1', at: 5 };
  expect(await policy.ask({ ...request, from: 'cody', to: 'sam' })).toEqual({
    allowed: false,
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
