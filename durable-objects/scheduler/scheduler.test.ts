import { abortAllDurableObjects, runDurableObjectAlarm } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { tick } from '../../workers/scheduled.ts';
import { azureDevOps, buildJson } from '../../workers/test/azure-devops.ts';
import { migrateDatabase } from '../../workers/test/database.ts';
import { Outside } from '../../workers/test/outside.ts';
import { schedulerStub } from '../stubs.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
/** Goes only forward: objects outlive a test. */
let now = Math.ceil(Date.now() / HOUR) * HOUR + HOUR / 2;

beforeAll(async () => {
  vi.useFakeTimers({ toFake: ['Date'], now });
  await migrateDatabase();
});
afterAll(() => {
  vi.useRealTimers();
});
let outside: Outside;
beforeEach(() => {
  outside = new Outside();
  azureDevOps(outside);
  outside
    .json('GET', /^\/demo\/Tools\/_apis\/build\/builds\?/, () => ({ value: [] }))
    .json('GET', /^\/demo\/_apis\/hooks\/subscriptions/, () => ({ value: [] }));
});

const advance = (ms: number): void => {
  now += ms;
  vi.setSystemTime(now);
};
const ticks = (times = 1) => Promise.all(Array.from({ length: times }, () => tick(env, now)));
const make = (id: string, about: Record<string, unknown> = {}) =>
  schedulerStub(env).put(
    {
      id,
      group: null,
      cron: '0 * * * *',
      timeZone: 'UTC',
      policy: 'latest',
      jitterMs: 0,
      overlap: 'skip',
      task: { kind: 'check_pipelines' },
      ...about,
    },
    'operator',
  );

/** Real time goes by until the newest firing has ended. */
async function settled(id: string) {
  for (let n = 0; n < 400; n++) {
    const { firings } = (await schedulerStub(env).view(id)) ?? { firings: [] };
    if (firings.length > 0 && firings.every(({ status }) => !['going', 'waiting'].includes(status)))
      return firings;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`${id} did not end`);
}
const deliveries = async (id: string): Promise<number> =>
  (
    await env.DB.prepare(`SELECT count(*) AS c FROM deliveries WHERE delivery LIKE ?`)
      .bind(`${id}:%`)
      .first<{ c: number }>()
  )?.c ?? 0;

describe('the clock', () => {
  test('ticks that come doubled, late and after a crash fire each due time once', async () => {
    await make('crashing');
    advance(HOUR);
    await ticks(3);
    await settled('crashing');
    await abortAllDurableObjects();
    await ticks(2);
    advance(3 * HOUR);
    await abortAllDurableObjects();
    await ticks(2);
    const firings = await settled('crashing');
    expect(firings.filter(({ status }) => status === 'nothing')).toHaveLength(2);
    expect(firings.filter(({ status }) => status === 'skipped')).toHaveLength(1);
  });

  test('the alarm alone does it in time, and a firing that was cut off is finished by the next instance', async () => {
    await make('alarmed');
    advance(HOUR);
    const due = Math.floor(now / HOUR) * HOUR;
    await runDurableObjectAlarm(env.SCHEDULER.getByName('schedules'));
    await abortAllDurableObjects();
    await runDurableObjectAlarm(env.SCHEDULER.getByName('schedules'));
    const firings = await settled('alarmed');
    expect(firings).toMatchObject([{ status: 'nothing', dueAt: due }]);
  });

  test('is one event for the Inbox, however often the Scheduler hands it on', async () => {
    await make('once');
    advance(HOUR);
    await ticks();
    await settled('once');
    await ticks(2);
    await vi.waitFor(async () => expect(await deliveries('once')).toBe(1), { timeout: 5_000 });
  });

  test('an agent is asked only if the Worker finds something; else the firing says why not, and nothing starts', async () => {
    let failed: unknown[] = [];
    const looks: string[] = [];
    outside.json('GET', /^\/demo\/shop\/_apis\/build\/builds\?.*resultFilter=failed/, ({ url }) => {
      looks.push(url.searchParams.get('minTime') ?? '');
      return { value: failed };
    });
    const task = { kind: 'agent', prompt: 'Look.', priority: 2, onlyIf: 'failed_builds' };
    await make('watch', { group: 'sam', task });
    advance(HOUR);
    await ticks(2);
    const [quiet] = await settled('watch');
    expect(quiet).toMatchObject({ status: 'nothing', target: null });
    expect(quiet?.note).toMatch(/^not asked: 0 builds failed since /);

    failed = [buildJson({ id: 4_711 })];
    advance(HOUR);
    const askedAt = new Date(now).toISOString();
    await ticks();
    // Without a runner its session comes to nothing; it was asked all the same.
    expect((await settled('watch'))[0]).toMatchObject({ target: expect.stringMatching(/^inc_/) });

    failed = [];
    advance(HOUR);
    await ticks();
    expect((await settled('watch'))[0]).toMatchObject({ status: 'nothing', target: null });
    expect(looks.at(-1), 'since it was asked').toBe(askedAt);

    const fire = { schedule: 'watch', key: 'by-hand', cause: 'run' as const, text: null, by: 'operator' };
    await schedulerStub(env).fire(fire);
    expect((await settled('watch'))[0], 'a person has looked').toMatchObject({
      target: expect.stringMatching(/^inc_/),
    });
  });

  test('an hour that does not exist, and one that comes twice, have one run each', async () => {
    for (const [id, night] of [
      ['spring', Date.UTC(2027, 2, 27, 20)],
      ['autumn', Date.UTC(2027, 9, 30, 20)],
    ] as const) {
      now = night;
      vi.setSystemTime(now);
      await make(id, { cron: '30 2 * * *', timeZone: 'Europe/Berlin' });
      for (let hour = 0; hour < 12; hour++) {
        advance(HOUR);
        await ticks();
      }
      expect(await settled(id)).toHaveLength(1);
    }
  });
});
