import { env } from 'cloudflare:workers';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { RunnerReport } from '../../core/contracts/run.ts';
import { groupQueueStub, runPoolStub, runStub } from '../../durable-objects/stubs.ts';
import { fixSpec, freshRun, toldBy, usage } from '../../durable-objects/test/specs.ts';
import { type Bytes, utf8 } from '../../wire/encoding.ts';
import { generateKeyPair, type SigningKey } from '../../wire/keys.ts';
import { newNonce, signRequest } from '../../wire/sign-request.ts';
import { sha256Of } from '../artifacts.ts';
import { migrateDatabase } from '../test/database.ts';
import { Outside, until } from '../test/outside.ts';
import { runnerDoors } from './runner.ts';

let key: SigningKey;
let publicKeys: string;
beforeAll(async () => {
  await migrateDatabase();
  const pair = await generateKeyPair('runner-1');
  key = pair.signingKey;
  publicKeys = JSON.stringify(pair.publicKeys);
});
beforeEach(() => void new Outside());

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
  runnerDoors.fetch(request, { ...env, RUNNER_PUBLIC_KEYS: publicKeys } as typeof env);
const send = async (sent: Sent) => deliver(await signed(sent));
const post = (path: string, value: unknown) =>
  send({ method: 'POST', path, body: utf8(JSON.stringify(value)) });
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
  const lease = await runPoolStub(env).lease({ run, group, kind: 'light', budgetMicroUsd: 1, at: 0 });
  if (lease.status !== 'granted') throw new Error(lease.status);
  return { run, fence: lease.fence };
}

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
    const spec = fixSpec();
    const stub = runStub(env, spec.run);
    await stub.start(spec);
    const events = toldBy(spec.run, 1, [
      { type: 'usage', data: usage(`req-${spec.run}`) },
      { type: 'said', data: { text: 'hello' } },
    ]);
    const response = await post('/runner/events', report({ events, leases: [{ run: spec.run, fence: 1 }] }));
    expect(await response.json()).toEqual({ acknowledged: { [spec.run]: 2 }, lost: [spec.run], stop: false });
    const row = await until(() => env.DB.prepare('SELECT * FROM costs WHERE run = ?').bind(spec.run).first());
    expect(row).toMatchObject({ request_id: `req-${spec.run}`, agent_group: 'cody' });
    expect((await runPoolStub(env).status()).runners).toMatchObject([{ name: 'runner-1', capacity: 3 }]);
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

describe('artifacts', () => {
  const bytes = utf8('the transcript');

  test('are stored under what they contain, by a run that a runner had', async () => {
    const spec = fixSpec();
    const stub = runStub(env, spec.run);
    await stub.start(spec);
    const sha256 = await sha256Of(bytes);
    const path = `/runner/artifacts/${spec.run}/${sha256}`;
    const put = { method: 'PUT', path, body: bytes, contentType: 'text/plain' };
    expect((await send(put)).status).toBe(404);
    const wrong = await send({ ...put, path: `/runner/artifacts/${spec.run}/${'0'.repeat(64)}` });
    expect(wrong.status).toBe(422);
    expect(await env.ARTIFACTS.head(`artifacts/${'0'.repeat(64)}`)).toBeNull();
  });

  test('are given to a run whose spec names them, and to no other', async () => {
    const sha256 = await sha256Of(bytes);
    await env.ARTIFACTS.put(`artifacts/${sha256}`, bytes);
    const artifact = { name: 'failed-step-log', sha256, sizeBytes: bytes.length, contentType: 'text/plain' };
    const [mine, other] = [fixSpec({ artifacts: [artifact] }), fixSpec()];
    await Promise.all([mine, other].map((spec) => runStub(env, spec.run).start(spec)));
    const given = await send({ method: 'GET', path: `/runner/artifacts/${mine.run}/${sha256}` });
    expect(await given.text()).toBe('the transcript');
    expect((await send({ method: 'GET', path: `/runner/artifacts/${other.run}/${sha256}` })).status).toBe(
      403,
    );
    expect((await send({ method: 'GET', path: `/runner/artifacts/${mine.run}/nonsense` })).status).toBe(404);
  });
});
