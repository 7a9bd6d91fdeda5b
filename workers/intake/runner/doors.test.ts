import { runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { RunnerReport } from '../../../core/contracts/run.ts';
import { groupQueueStub, runPoolStub, runStub } from '../../../durable-objects/stubs.ts';
import { fixSpec, freshRun, toldBy, usage } from '../../../durable-objects/test/specs.ts';
import { type Bytes, utf8 } from '../../../wire/encoding.ts';
import { generateKeyPair, type SigningKey } from '../../../wire/keys.ts';
import { newNonce, signRequest } from '../../../wire/sign-request.ts';
import { sha256Of } from '../../artifacts.ts';
import { migrateDatabase } from '../../test/database.ts';
import { Outside, until } from '../../test/outside.ts';
import { runnerDoors } from './doors.ts';

let key: SigningKey;
let other: SigningKey;
let publicKeys: string;
beforeAll(async () => {
  await migrateDatabase();
  const pairs = await Promise.all(['runner-1', 'runner-2.2026'].map(generateKeyPair));
  const keys = pairs.map(({ signingKey }) => signingKey);
  [key, other] = keys as [SigningKey, SigningKey];
  publicKeys = JSON.stringify({ keys: pairs.flatMap((pair) => pair.publicKeys.keys) });
  await runInDurableObject(env.RUN_POOL.getByName('pool'), configure);
});
beforeEach(() => {
  new Outside()
    .json('PUT', /^\/v1\/runs\//, () => ({}), 202)
    .json('DELETE', /^\/v1\/runs\//, () => ({}), 202);
});

const held: { run: string; fence: number }[] = [];
afterEach(async () => {
  for (const { run, fence } of held.splice(0)) await runPoolStub(env).release(run, fence, {});
});

const RUNNER_URLS = 'runner-1=http://runner.test:9';

/** Tells an object what a deploy with a runner would tell it. */
function configure(instance: unknown): void {
  const told = { RUNNER_URLS, WORKER_SIGNING_KEY: JSON.stringify(key) };
  Object.assign((instance as { env: object }).env, told);
}

interface Sent {
  method: string;
  path: string;
  body?: Bytes;
  contentType?: string;
  signer?: SigningKey;
}

async function signed({ method, path, body, contentType, signer }: Sent): Promise<Request> {
  const url = `https://dogwatch.test${path}`;
  const headers = await signRequest({
    method,
    url,
    ...(body === undefined ? {} : { body }),
    ...(contentType === undefined ? {} : { contentType }),
    key: signer ?? key,
    nowMs: Date.now(),
    nonce: newNonce(),
    authority: 'dogwatch.test',
  });
  return new Request(url, { method, headers, ...(body === undefined ? {} : { body }) });
}

const deliver = (request: Request) =>
  runnerDoors.fetch(request, { ...env, RUNNER_PUBLIC_KEYS: publicKeys, RUNNER_URLS } as typeof env);
const send = async (sent: Sent) => deliver(await signed(sent));
const post = (path: string, value: unknown, signer: SigningKey = key) =>
  send({ method: 'POST', path, body: utf8(JSON.stringify(value)), signer });
const codeOf = async (response: Response) => ((await response.json()) as { code: string }).code;

const report = (change: Partial<RunnerReport> = {}): RunnerReport => ({
  runner: 'runner-1',
  at: 1,
  health: { capacity: 3, running: 0, image: null, problems: [] },
  leases: [],
  events: [],
  ...change,
});

/** A leased run of this group; the pool alone knows of it. */
async function leased(group: string): Promise<{ run: string; fence: number }> {
  const run = freshRun();
  const lease = await runPoolStub(env).lease({ run, group, kind: 'heavy', budgetMicroUsd: 1, at: 0 });
  if (lease.status !== 'granted') throw new Error(lease.status);
  held.push({ run, fence: lease.fence });
  return { run, fence: lease.fence };
}

/** A run that runner-1 has begun. */
async function started(change = {}): Promise<{ run: string; fence: number }> {
  const spec = fixSpec(change);
  await runInDurableObject(env.RUN.getByName(spec.run), configure);
  await runStub(env, spec.run).start(spec);
  const lease = await until(() => runPoolStub(env).leaseOf(spec.run));
  await until(async () => (await runStub(env, spec.run).runners()).length > 0);
  held.push({ run: spec.run, fence: lease.fence });
  return { run: spec.run, fence: lease.fence };
}

const refusals = (run: string | null, code: string) =>
  until(() =>
    env.DB.prepare(`SELECT data FROM audit WHERE action = 'runner_refused' AND data LIKE ? AND data LIKE ?`)
      .bind(`%${code}%`, `%${run ?? ''}%`)
      .first<{ data: string }>(),
  );

describe('the signature', () => {
  test('without one, with a strange key, or repeated, a request is refused', async () => {
    const bare = new Request('https://dogwatch.test/runner/events', { method: 'POST', body: '{}' });
    expect(await codeOf(await deliver(bare))).toBe('signature_missing');
    const { signingKey } = await generateKeyPair('stranger');
    const strange = { method: 'POST', path: '/runner/events', body: utf8('{}'), signer: signingKey };
    expect(await codeOf(await send(strange))).toBe('unknown_key');
    const request = await signed({
      method: 'POST',
      path: '/runner/events',
      body: utf8(JSON.stringify(report())),
    });
    expect((await deliver(request.clone())).status).toBe(200);
    const again = await deliver(request);
    expect(again.status).toBe(401);
    expect(await codeOf(again)).toBe('signature_replayed');
    const refused = await until(() =>
      env.DB.prepare(`SELECT data FROM audit WHERE action = 'runner_unauthorized' AND data LIKE ?`)
        .bind('%signature_replayed%')
        .first<{ data: string }>(),
    );
    expect(refused?.data).toContain('/runner/events');
  });
});

describe('POST /runner/events', () => {
  test('acknowledges what is kept, says which leases are lost, and remembers the runner', async () => {
    const { run, fence } = await started();
    const events = toldBy(run, fence, [
      { type: 'usage', data: usage(`req-${run}`) },
      { type: 'said', data: { text: 'hello' } },
    ]);
    const gone = freshRun();
    const leases = [
      { run, fence },
      { run: gone, fence: 1 },
    ];
    const response = await post('/runner/events', report({ events, leases }));
    expect(await response.json()).toEqual({
      acknowledged: { [run]: 2 },
      lost: [gone],
      stop: false,
      refused: {},
    });
    const row = await until(() => env.DB.prepare('SELECT * FROM costs WHERE run = ?').bind(run).first());
    expect(row).toMatchObject({ request_id: `req-${run}`, agent_group: 'cody' });
    expect((await runPoolStub(env).status()).runners).toMatchObject([{ name: 'runner-1', capacity: 3 }]);
  });

  test('in another runner’s name is refused, audited, and renews nothing', async () => {
    const response = await post('/runner/events', report(), other);
    expect(response.status).toBe(403);
    expect(await codeOf(response)).toBe('wrong_runner');
    expect((await refusals(null, 'wrong_runner')).data).toContain('runner-2.2026');
  });

  test('of a run that this runner never held: dropped, audited, and the run hears nothing', async () => {
    const { run, fence } = await started();
    const events = toldBy(run, fence, [{ type: 'usage', data: usage(`stolen-${run}`) }]);
    const response = await post('/runner/events', report({ runner: 'runner-2', events }), other);
    expect(await response.json()).toMatchObject({
      acknowledged: { [run]: 1 },
      refused: { [run]: 'not_its_run' },
    });
    await refusals(run, 'not_its_run');
    expect(await runStub(env, run).view()).toMatchObject({ costMicroUsd: 0, events: [] });
  });

  test('refuses what does not fit the contract', async () => {
    expect(await codeOf(await post('/runner/events', { runner: '' }))).toBe('invalid_body');
  });
});

describe('POST /relay', () => {
  test('along a listed route the message stands in the target’s queue, once', async () => {
    const { run, fence } = await leased('cody');
    const request = { run, fence, key: 'k1', to: 'ryan', text: 'What does the agent run on?' };
    expect((await post('/relay', request)).status).toBe(200);
    expect((await post('/relay', request)).status).toBe(200);
    const { items } = await groupQueueStub(env, 'ryan').messages(null, 50);
    const mine = (items as { text: string; from: string; state: string }[]).filter(
      ({ text }) => text === request.text,
    );
    expect(mine).toMatchObject([{ from: 'cody', state: 'noted' }]);
  });

  test('along no listed route: 403 with the reason, an audit row, nothing delivered', async () => {
    const { run, fence } = await leased('cody');
    const response = await post('/relay', { run, fence, key: 'k1', to: 'sam', text: 'psst' });
    expect(response.status).toBe(403);
    expect(await response.json()).toMatchObject({
      code: 'route_not_allowed',
      detail: 'there is no relay route from cody to sam',
    });
    const row = await until(() =>
      env.DB.prepare(`SELECT * FROM audit WHERE action = 'relay_refused' AND run = ?`).bind(run).first(),
    );
    expect(row).toMatchObject({ actor: 'cody', chain: 'relay-policy' });
    expect((await groupQueueStub(env, 'sam').messages(null, 10)).items).toEqual([]);
  });

  test('the sender is the lease’s group, whatever else the body says; without the lease there is none', async () => {
    const { run, fence } = await leased('sam');
    const body = { run, fence, key: 'k1', to: 'cody', text: 'from sam', from: 'ryan' };
    expect((await post('/relay', body)).status).toBe(200);
    const { items } = await groupQueueStub(env, 'cody').messages(null, 10);
    expect(items).toMatchObject([{ from: 'sam', text: 'from sam' }]);
    expect(await codeOf(await post('/relay', { ...body, fence: fence + 1 }))).toBe('stale_fence');
    expect(await codeOf(await post('/relay', { ...body, run: freshRun() }))).toBe('forbidden');
  });
});

describe('POST /runner/audit-search', () => {
  test('a run whose group has the tool reads rows, newest first, fenced', async () => {
    const { run, fence } = await leased('sam');
    const path = '/runner/audit-search';
    await until(() =>
      env.DB.prepare(`SELECT 1 FROM audit WHERE action = 'run_leased' AND data LIKE ?`)
        .bind(`%${run}%`)
        .first(),
    );
    const found = await post(path, { run, fence, input: { action: 'run_leased', text: run } });
    const { text } = (await found.json()) as { text: string };
    expect(text).toMatch(/^1 rows, newest first\.\n<untrusted source="audit" id="run_/);
    expect(text).toContain(`"group":"sam"`);
    const none = await post(path, { run, fence, input: { text: 'there is no such thing' } });
    expect(await none.json()).toEqual({ text: 'No such row.' });
  });

  test('without the tool, or under an older lease, nothing is read', async () => {
    const cody = await leased('cody');
    const path = '/runner/audit-search';
    expect((await post(path, { ...cody, input: {} })).status).toBe(403);
    const sam = await leased('sam');
    const stale = await post(path, { run: sam.run, fence: sam.fence + 1, input: {} });
    expect(await codeOf(stale)).toBe('stale_fence');
  });
});

describe('artifacts', () => {
  const bytes = utf8('the transcript');

  test('are stored under what they contain, by a runner that had the run', async () => {
    const { run } = await started();
    const sha256 = await sha256Of(bytes);
    const path = `/runner/artifacts/${run}/${sha256}`;
    const put = { method: 'PUT', path, body: bytes, contentType: 'text/plain' };
    expect((await send({ ...put, path: `/runner/artifacts/${freshRun()}/${sha256}` })).status).toBe(404);
    const foreign = await send({ ...put, signer: other });
    expect([foreign.status, await codeOf(foreign)]).toEqual([403, 'not_its_run']);
    await refusals(run, 'not_its_run');
    const wrong = await send({ ...put, path: `/runner/artifacts/${run}/${'0'.repeat(64)}` });
    expect(wrong.status).toBe(422);
    expect(await env.ARTIFACTS.head(`artifacts/${'0'.repeat(64)}`)).toBeNull();
    expect((await send(put)).status).toBe(201);
  });

  test('are given to a run whose spec names them, and to no other', async () => {
    const sha256 = await sha256Of(bytes);
    await env.ARTIFACTS.put(`artifacts/${sha256}`, bytes);
    const artifact = { name: 'failed-step-log', sha256, sizeBytes: bytes.length, contentType: 'text/plain' };
    const [mine, another] = [await started({ artifacts: [artifact] }), await started()];
    const get = (run: string, what: string, signer = key) =>
      send({ method: 'GET', path: `/runner/artifacts/${run}/${what}`, signer });
    expect(await (await get(mine.run, sha256)).text()).toBe('the transcript');
    expect((await get(another.run, sha256)).status).toBe(403);
    expect((await get(mine.run, 'nonsense')).status).toBe(404);
    expect(await codeOf(await get(mine.run, sha256, other))).toBe('not_its_run');
    await runStub(env, mine.run).lend('runner-2');
    expect((await get(mine.run, sha256, other)).status).toBe(200);
  });
});
