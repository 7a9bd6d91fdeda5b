import { env, runInDurableObject, SELF } from 'cloudflare:test';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { RunPoolStore } from '../../durable-objects/run-pool/run-pool-store.ts';
import { sqlOf } from '../../durable-objects/shared/sql.ts';
import { runPoolStub, runStub } from '../../durable-objects/stubs.ts';
import { judgeSpec } from '../../durable-objects/test/specs.ts';
import { generateKeyPair } from '../../wire/keys.ts';
import { migrateDatabase } from '../test/database.ts';
import { Outside, until } from '../test/outside.ts';
import { telegramTakesAll } from '../test/telegram.ts';
import { tellObject } from '../test/tell-object.ts';
import { runnersApi } from './runners.ts';

let outside: Outside;
beforeAll(migrateDatabase);
beforeEach(() => {
  // The model never answers: a light run goes on until it is ended.
  outside = new Outside().on(({ url }) =>
    url.hostname === 'anthropic.test' ? new Promise<Response>(() => {}) : undefined,
  );
});
afterEach(async () => runPoolStub(env).resume('test', Date.now()));

const call = async <T = Record<string, unknown>>(method: string, path: string, body?: unknown) => {
  const response = await SELF.fetch(`https://dogwatch.test/api${path}`, {
    method,
    headers: { authorization: 'Bearer operator-token' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: response.status, body: (await response.json()) as T };
};

describe('POST /api/stop', () => {
  test('says how many sessions it has ended, keeps what comes, and after resume they go on', async () => {
    const asked = () => outside.asked('POST', /v1\/messages/).length;
    const [first, second] = [judgeSpec(), judgeSpec()];
    await runStub(env, first.run).start(first);
    await until(async () => asked() === 1);
    expect((await call('POST', '/stop')).body).toEqual({
      stopped: true,
      killed: 1,
      unreachable: 0,
      unreachableRuns: [],
    });
    await runStub(env, second.run).start(second);
    const { waiting } = await until(async () => {
      const { body } = await call<{ waiting: { run: string }[] }>('GET', '/status');
      return body.waiting.length === 2 && body;
    });
    expect(waiting).toMatchObject([{ because: 'stopped', priority: 2, forPerson: false }, { position: 2 }]);
    await call('POST', '/resume');
    await until(async () => asked() === 3);
    await Promise.all([first, second].map(({ run }) => runStub(env, run).cancel('the test is over')));
  });
});

describe('the budget', () => {
  test('is shown, and urgent work is let past the 90% by a switch that is audited', async () => {
    expect((await call('GET', '/budget')).body).toEqual({ caps: [], override: null, problem: null });
    const { body } = await call<{ until: string }>('POST', '/budget/override', { on: true });
    expect(body).toEqual({ on: true, until: expect.stringMatching(/T00:00:00\.000Z$/) });
    expect((await call('GET', '/budget')).body).toMatchObject({ override: { by: 'operator' } });
    expect((await call('POST', '/budget/override', { on: false })).body).toEqual({ on: false, until: null });
    expect((await call('POST', '/budget/override', { for: 'ever' })).status).toBe(400);
    await until(() =>
      env.DB.prepare(`SELECT 1 FROM audit WHERE action = 'budget_override' AND chain = 'run-pool'`).first(),
    );
  });

  test('alerts reach the operator in his chat', async () => {
    telegramTakesAll(outside);
    await runInDurableObject(env.RUN_POOL.getByName('pool'), (_, state) => {
      const store = new RunPoolStore(
        sqlOf(state.storage),
        () => ({
          slots: { heavy: 1, light: 1 },
          runners: [],
          caps: { problem: '' },
          maxConcurrentOf: () => 1,
        }),
        () => {},
      );
      const body = JSON.stringify({ text: 'The budget of the day has $8.00 of $10.00 spent.' });
      store.outbox.add({ key: 'budget:test', kind: 'alert', lane: 'alert', body }, Date.now());
    });
    await runPoolStub(env).poke();
    const [sent] = await until(async () => {
      const found = outside.asked('POST', /sendMessage/);
      return found.length > 0 && found;
    });
    expect(sent?.body).toMatchObject({
      chat_id: '4711',
      text: expect.stringContaining('Safety alert</b> (budget): The budget of the day has $8.00 of $10.00'),
    });
  });
});

describe('runners', () => {
  const told = { RUNNER_URLS: 'one=http://one.test,two=http://two.test' };
  const ask = async (method: string, path: string) => {
    const response = await runnersApi.fetch(new Request(`https://dogwatch.test${path}`, { method }), {
      ...env,
      ...told,
    } as typeof env);
    return response.json();
  };

  test('are drained one by one or all, shown so, and an unknown one is refused with the names of the others', async () => {
    const key = await generateKeyPair('worker-1');
    await tellObject(env.RUN_POOL.getByName('pool'), {
      ...told,
      WORKER_SIGNING_KEY: JSON.stringify(key.signingKey),
    });
    await runPoolStub(env).heartbeat({
      runner: 'one',
      at: 0,
      capacity: 3,
      running: 0,
      problems: [],
      leases: [],
    });
    expect(await ask('POST', '/one/drain')).toEqual({ runners: ['one'], drained: true });
    expect(await ask('GET', '/')).toMatchObject({
      items: [
        { name: 'one', drained: true, capacity: 3 },
        { name: 'two', drained: false, lastSeenAt: null },
      ],
    });
    expect(await ask('POST', '/all/drain')).toEqual({ runners: ['one', 'two'], drained: true });
    expect(await ask('POST', '/all/undrain')).toEqual({ runners: ['one', 'two'], drained: false });
    const unknown = await call('POST', '/runners/three/drain');
    expect(unknown).toMatchObject({ status: 404, body: { code: 'not_found' } });
    await until(() =>
      env.DB.prepare(`SELECT 1 FROM audit WHERE action = 'runner_drained' AND data LIKE '%"two"%'`).first(),
    );
  });
});

test('what the pool could not tell is a dead letter like any other, and is told when it is retried', async () => {
  telegramTakesAll(outside);
  await runInDurableObject(env.RUN_POOL.getByName('pool'), async (_, state) => {
    const settings = () => ({
      slots: { heavy: 1, light: 1 },
      runners: [],
      caps: { problem: '' },
      maxConcurrentOf: () => 1,
    });
    const store = new RunPoolStore(sqlOf(state.storage), settings, () => {});
    const body = JSON.stringify({ about: 'test', text: 'Twelve runs.' });
    store.outbox.add({ key: 'burst:1', kind: 'alert', lane: null, body }, Date.now() + 1_000_000);
    const failure = { error: 'no operator', retryable: false, retryAfterMs: null, random: 0 };
    store.fail('burst:1', { ...failure, nowMs: Date.now() });
  });
  await runPoolStub(env).poke();
  const letters = async () => {
    const { body } = await call<{ items: { id: string; kind: string; tries: number; error: string }[] }>(
      'GET',
      '/dead-letters?kind=alert',
    );
    return body.items;
  };
  const [letter] = await until(async () => {
    const items = await letters();
    return items.length > 0 && items;
  });
  expect(letter).toMatchObject({ id: 'run-pool:burst:1', error: 'no operator' });
  const path = `/dead-letters/${encodeURIComponent('run-pool:burst:1')}/replay`;
  expect((await call('POST', path)).status).toBe(202);
  await until(async () => JSON.stringify(outside.asked('POST', /sendMessage/)).includes('Twelve runs.'));
  await until(async () => (await letters()).length === 0);
  expect((await call('POST', path)).status).toBe(409);
});
