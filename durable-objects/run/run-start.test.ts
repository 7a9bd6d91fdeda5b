import { runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { runRequestSchema } from '../../core/contracts/run.ts';
import { utf8 } from '../../wire/encoding.ts';
import { generateKeyPair, type PublicKeys } from '../../wire/keys.ts';
import { verifyRequest } from '../../wire/verify-request.ts';
import { migrateDatabase } from '../../workers/test/database.ts';
import { Outside, type OutsideRequest, until } from '../../workers/test/outside.ts';
import { runPoolStub, runStub } from '../stubs.ts';
import { fixSpec } from '../test/specs.ts';
import type { RunRecord } from './run-record.ts';

let outside: Outside;
let keys: PublicKeys;
let settings: { RUNNER_URLS: string; WORKER_SIGNING_KEY: string };

beforeAll(async () => {
  await migrateDatabase();
  const { signingKey, publicKeys } = await generateKeyPair('worker-1');
  keys = new Map(publicKeys.keys.map((key) => [key.kid, key]));
  settings = { RUNNER_URLS: 'runner-1=http://runner.test:9', WORKER_SIGNING_KEY: JSON.stringify(signingKey) };
  await runInDurableObject(env.RUN_POOL.getByName('pool'), configure);
});
beforeEach(() => {
  outside = new Outside();
});

/** Tells an object what a deploy with a runner would tell it. */
function configure(instance: unknown): void {
  Object.assign((instance as { env: object }).env, settings);
}

async function started(change = {}) {
  const spec = fixSpec(change);
  await runInDurableObject(env.RUN.getByName(spec.run), configure);
  await runStub(env, spec.run).start(spec);
  return spec;
}

const recordOf = async (run: string) => (await runStub(env, run).view()) as RunRecord;
const isSigned = ({ method, url, headers, body }: OutsideRequest) =>
  verifyRequest(
    { method, url: url.href, headers },
    body === '' ? new Uint8Array() : utf8(JSON.stringify(body)),
    { keys, authority: 'runner.test:9', nowMs: Date.now(), seenNonce: async () => false },
  );

describe('a heavy run', () => {
  test('is given to the runner, signed, with charter, limits and rights from the crew', async () => {
    outside.json('PUT', /^\/v1\/runs\//, () => ({}), 202);
    const spec = await started();
    const [put] = await until(async () => {
      const puts = outside.asked('PUT', /^\/v1\/runs\//);
      return puts.length > 0 && puts;
    });
    if (!put) throw new Error('nothing was asked');
    expect(await isSigned(put)).toEqual({ ok: true, keyId: 'worker-1' });
    const request = runRequestSchema.parse(put.body);
    expect(request).toMatchObject({
      id: spec.run,
      group: 'cody',
      model: 'claude-opus-5-5',
      identity: { name: 'Cody Codewell (AI Agent)' },
      routes: ['anthropic', 'git', 'npm'],
    });
    expect(request.charter).toContain('Cody');
    expect((await runPoolStub(env).leaseOf(spec.run))?.fence).toBe(request.fence);
    await runStub(env, spec.run).cancel('test is over');
  });

  test('waits for a full runner, and takes "already running" for started', async () => {
    let puts = 0;
    outside.on(({ method }) => {
      if (method !== 'PUT') return new Response('{}', { status: 202 });
      puts += 1;
      return puts === 1
        ? new Response('{}', { status: 429, headers: { 'retry-after': '1' } })
        : Response.json({ code: 'conflict' }, { status: 409 });
    });
    const spec = await started();
    await until(async () => {
      await runStub(env, spec.run).poke();
      return puts === 2;
    });
    expect(await recordOf(spec.run)).toMatchObject({ status: 'leased' });
    await runStub(env, spec.run).cancel('test is over');
  });

  test('that the runner knows under a newer lease is lost', async () => {
    outside.json('PUT', /^\/v1\/runs\//, () => Response.json({ code: 'stale_fence' }, { status: 409 }));
    const spec = await started();
    await until(async () => (await recordOf(spec.run)).status === 'ended');
    expect(await recordOf(spec.run)).toMatchObject({ endReason: 'lease_lost' });
  });

  test('that is canceled gives its slot back and is ended at the runner, under its fence', async () => {
    outside.json('PUT', /^\/v1\/runs\//, () => ({}), 202).json('DELETE', /^\/v1\/runs\//, () => ({}), 202);
    const spec = await started();
    await until(async () => outside.asked('PUT', /^\/v1\/runs\//).length > 0);
    const { fence } = await recordOf(spec.run);
    await runStub(env, spec.run).cancel('no longer needed');
    const [ended] = await until(async () => {
      const found = outside.asked('DELETE', /^\/v1\/runs\//);
      return found.length > 0 && found;
    });
    if (!ended) throw new Error('nothing was ended');
    expect(ended.url.searchParams.get('fence')).toBe(String(fence));
    expect(await isSigned(ended)).toMatchObject({ ok: true });
    await until(async () => (await runPoolStub(env).leaseOf(spec.run)) === null);
  });
});
