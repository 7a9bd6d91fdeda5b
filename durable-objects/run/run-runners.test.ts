import { runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import type { RunRequest } from '../../core/contracts/run.ts';
import { generateKeyPair } from '../../wire/keys.ts';
import { type StopReport, stopAll } from '../../workers/routing/stop-all.ts';
import { migrateDatabase } from '../../workers/test/database.ts';
import { Outside, until } from '../../workers/test/outside.ts';
import { telegramTakesAll } from '../../workers/test/telegram.ts';
import { tellObject } from '../../workers/test/tell-object.ts';
import { sqlOf } from '../shared/sql.ts';
import { runPoolStub, runStub } from '../stubs.ts';
import { fixResult, fixSpec, judgeSpec, toldBy, usage } from '../test/specs.ts';
import type { RunRecord } from './run-record.ts';
import { RunStore } from './run-store.ts';

/** Two runners as HTTP servers: what they were asked to do, and whether they answer. */
let outside: Outside;
let down: Set<string>;
let settings: { RUNNER_URLS: string; WORKER_SIGNING_KEY: string };
/** How far the clock of the objects is ahead. */
let aheadMs = 0;
const begun: string[] = [];

beforeAll(async () => {
  await migrateDatabase();
  const { signingKey } = await generateKeyPair('worker-1');
  settings = {
    RUNNER_URLS: 'one=http://one.test:9,two=http://two.test:9',
    WORKER_SIGNING_KEY: JSON.stringify(signingKey),
  };
  const realNow = Date.now.bind(Date);
  vi.spyOn(Date, 'now').mockImplementation(() => realNow() + aheadMs);
  await runInDurableObject(env.RUN_POOL.getByName('pool'), configure);
});
beforeEach(async () => {
  down = new Set();
  outside = new Outside().on(({ method, url }) => {
    const [name = ''] = url.hostname.split('.');
    if (name !== 'one' && name !== 'two') return undefined;
    if (down.has(name)) throw new TypeError('connection refused');
    return method === 'PUT' || method === 'DELETE' ? Response.json({}, { status: 202 }) : undefined;
  });
  await bothAlive();
});
afterEach(async () => {
  await runPoolStub(env).resume('test', Date.now());
  for (const run of begun.splice(0)) await runStub(env, run).cancel('the test is over');
});

function configure(instance: unknown): void {
  Object.assign((instance as { env: object }).env, settings);
}

const beat = (runner: string, leases: { run: string; fence: number }[] = []) =>
  runPoolStub(env).heartbeat({ runner, at: 0, capacity: 3, running: leases.length, problems: [], leases });
const bothAlive = () => Promise.all([beat('one'), beat('two')]);

/** Twenty seconds at a time, with what the alarms and heartbeats of that time would do. */
async function asTimeGoesBy(run: string, isDone: () => Promise<boolean>): Promise<void> {
  for (let look = 0; look < 180; look++) {
    if (await isDone()) return;
    aheadMs += 20_000;
    await bothAlive();
    await runPoolStub(env).poke();
    await runStub(env, run).poke();
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error('it did not happen in an hour');
}

const recordOf = async (run: string) => (await runStub(env, run).view()) as RunRecord;

/** What each runner was told to begin of this run. */
const starts = (run: string): { runner: string; fence: number; prompt: string }[] =>
  outside.asked('PUT', new RegExp(run)).map(({ url, body }) => {
    const { fence, prompt } = body as RunRequest;
    return { runner: url.hostname.split('.')[0] ?? '', fence, prompt };
  });

async function begin(spec = fixSpec()): Promise<{ run: string; runner: string; fence: number }> {
  begun.push(spec.run);
  await runInDurableObject(env.RUN.getByName(spec.run), configure);
  await runStub(env, spec.run).start(spec);
  const [first] = await until(async () => starts(spec.run).length > 0 && starts(spec.run));
  if (!first) throw new Error('nothing was begun');
  return { run: spec.run, ...first };
}

/** What the run has told its incident, or is about to. */
async function toIncident(run: string): Promise<string[]> {
  return runInDurableObject(env.RUN.getByName(run), (_, state) =>
    new RunStore(sqlOf(state.storage), () => {}).outbox
      .items()
      .filter(({ kind }) => kind === 'incident')
      .map(({ body }) => (JSON.parse(body) as { event: { type: string } }).event.type),
  );
}

const started = { type: 'started' as const, data: { image: 'i', imageDigest: 'sha256:d', container: 'c' } };
const ended = (reason: 'completed' | 'canceled') => ({
  type: 'ended' as const,
  data: { reason, detail: '', turns: 4, durationMs: 9, transcript: null },
});

test('work of a runner that is lost goes to another under a higher fence; what the old one tells later decides nothing', async () => {
  const { run, runner: old, fence } = await begin();
  const other = old === 'one' ? 'two' : 'one';
  await runStub(env, run).receive(toldBy(run, fence, [started]), old);
  down.add(old);
  aheadMs += 181_000;
  await beat(other);
  await runPoolStub(env).poke();
  await until(async () => (await runPoolStub(env).leaseOf(run)) === null);
  // The time in which the lease could have revived.
  aheadMs += 46_000;
  await beat(other);
  const second = await until(async () => {
    await runStub(env, run).poke();
    return starts(run)[1];
  });
  expect(second.runner).toBe(other);
  expect(second.fence).toBeGreaterThan(fence);
  expect(second.prompt).toContain('session 2 of at most 4');

  down.delete(old);
  expect((await beat(old, [{ run, fence }])).lost).toEqual([run]);
  const late = toldBy(run, fence, [
    started,
    { type: 'usage', data: usage(`late-${run}`) },
    { type: 'result', data: { value: fixResult } },
    ended('completed'),
  ]);
  expect(await runStub(env, run).receive(late.slice(1), old)).toEqual({ acknowledged: 4, refused: false });
  expect(await recordOf(run)).toMatchObject({ fence: second.fence, reported: null, costMicroUsd: 6_000 });
  const forged = toldBy(run, second.fence, [{ type: 'result', data: { value: fixResult } }]);
  expect(await runStub(env, run).receive(forged, old)).toMatchObject({ refused: true });

  await runStub(env, run).receive(
    toldBy(run, second.fence, [started, { type: 'result', data: { value: fixResult } }, ended('completed')]),
    other,
  );
  expect(await recordOf(run)).toMatchObject({ status: 'ended', endReason: 'completed' });
});

test('a runner that cannot be reached from the start costs the run its lease, not its life', async () => {
  const spec = fixSpec();
  begun.push(spec.run);
  down.add('one').add('two');
  await runInDurableObject(env.RUN.getByName(spec.run), configure);
  await runStub(env, spec.run).start(spec);
  const first = await until(() => runPoolStub(env).leaseOf(spec.run));
  await asTimeGoesBy(spec.run, async () => (await recordOf(spec.run)).sessions > 5);
  expect((await recordOf(spec.run)).endReason).toBeNull();
  down.clear();
  await asTimeGoesBy(spec.run, async () => starts(spec.run).some(({ fence }) => fence > first.fence));
});

describe('when everything is stopped', () => {
  const stop = (): Promise<StopReport> => stopAll(env, 'operator', Date.now());

  test('a session is ended at once; its run goes on after resume, under a higher fence, and its loop hears nothing', async () => {
    const { run, runner, fence } = await begin();
    await runStub(env, run).receive(toldBy(run, fence, [started]), runner);
    const report = await stop();
    expect(report).toEqual({ ended: [run], unreachable: [] });
    const [asked] = outside.asked('DELETE', new RegExp(run));
    expect(asked?.url.hostname).toBe(`${runner}.test`);
    expect((await beat(runner, [{ run, fence }])).stop).toBe(true);
    const told = toldBy(run, fence, [started, { type: 'usage', data: usage(`u-${run}`) }, ended('canceled')]);
    await runStub(env, run).receive(told.slice(1), runner);
    await until(async () => (await runPoolStub(env).status()).waiting.some((one) => one.run === run));
    expect(await recordOf(run)).toMatchObject({ deadlineAt: null, costMicroUsd: 6_000 });
    expect((await runPoolStub(env).status()).waiting).toMatchObject([{ run, because: 'stopped' }]);

    await runPoolStub(env).resume('operator', Date.now());
    const again = await until(async () => starts(run)[1]);
    expect(again.fence).toBeGreaterThan(fence);
    expect(again.prompt).toContain('session 1 of at most 4');
    expect(await toIncident(run)).toEqual(['run_started']);
  });

  test('a runner that does not answer is named; the run goes on when its lease has run out', async () => {
    const { run, runner, fence } = await begin();
    await runStub(env, run).receive(toldBy(run, fence, [started]), runner);
    down.add(runner);
    expect(await stop()).toEqual({ ended: [], unreachable: [run] });
    expect((await runPoolStub(env).leaseOf(run))?.fence).toBe(fence);
    aheadMs += 181_000;
    await runPoolStub(env).poke();
    await until(async () => (await runPoolStub(env).leaseOf(run)) === null);
    aheadMs += 46_000;
    await until(async () => {
      await runStub(env, run).poke();
      return (await runPoolStub(env).status()).waiting.some((one) => one.run === run);
    });
  });

  test('stopped again and again, it still has all its sessions', async () => {
    let { run, runner, fence } = await begin();
    for (let times = 0; times < 6; times++) {
      await stop();
      await runStub(env, run).receive(toldBy(run, fence, [started, ended('canceled')]), runner);
      await runPoolStub(env).resume('operator', Date.now());
      const last = await until(async () => {
        const newest = starts(run).at(-1);
        return newest && newest.fence > fence ? newest : null;
      });
      ({ runner, fence } = last);
    }
    expect(await recordOf(run)).toMatchObject({ sessions: 7, excusedSessions: 6 });
  });

  test('a light run is broken off and asked anew', async () => {
    const asked = () => outside.asked('POST', /v1\/messages/).length;
    // The model never answers.
    outside.on(({ url }) =>
      url.hostname === 'anthropic.test' ? new Promise<Response>(() => {}) : undefined,
    );
    const spec = judgeSpec();
    begun.push(spec.run);
    await runStub(env, spec.run).start(spec);
    await until(async () => asked() === 1);
    expect(await stop()).toEqual({ ended: [spec.run], unreachable: [] });
    await until(async () => (await recordOf(spec.run)).status === 'waiting');
    expect(asked()).toBe(1);
    await runPoolStub(env).resume('operator', Date.now());
    await until(async () => asked() === 2);
    expect(await recordOf(spec.run)).toMatchObject({ status: 'running', tries: 1 });
  });
});

test('a cap that is spent while a run goes on ends it for good, at its runner too, and the operator hears it', async () => {
  telegramTakesAll(outside);
  const pool = env.RUN_POOL.getByName('pool');
  const setCap = (dollars: string | undefined) => tellObject(pool, { GROUP_DAILY_BUDGET_USD: dollars });
  const { run, runner, fence } = await begin();
  await setCap('cody=1');
  try {
    const dear = { type: 'usage' as const, data: usage(`dear-${run}`, 50_000) };
    await runStub(env, run).receive(toldBy(run, fence, [started, dear]), runner);
    await until(async () => (await recordOf(run)).status === 'ended');
    const record = await recordOf(run);
    expect(record).toMatchObject({ endReason: 'budget', costMicroUsd: 1_004_000 });
    expect(record.endDetail).toMatch(/has \$1\.0\d of \$1\.00 spent\. One session is ended/);
    await until(async () => outside.asked('DELETE', new RegExp(run)).length > 0);
    await until(async () => (await runPoolStub(env).leaseOf(run)) === null);
    await until(async () =>
      outside.asked('POST', /sendMessage/).some(({ body }) => JSON.stringify(body).includes('of cody')),
    );
    const next = fixSpec();
    await runInDurableObject(env.RUN.getByName(next.run), configure);
    await runStub(env, next.run).start(next);
    await until(async () => (await recordOf(next.run)).endReason === 'budget_refused');
    expect((await recordOf(next.run)).endDetail).toContain('Raise GROUP_DAILY_BUDGET_USD');
  } finally {
    await setCap(undefined);
  }
});

test('what a run spends is known to the pool while it goes on', async () => {
  const { run, runner, fence } = await begin();
  await runStub(env, run).receive(
    toldBy(run, fence, [started, { type: 'usage', data: usage(`p-${run}`) }]),
    runner,
  );
  await until(async () =>
    (await runPoolStub(env).status()).leases.some(
      (lease) => lease.run === run && lease.spentMicroUsd === 6_000,
    ),
  );
});
