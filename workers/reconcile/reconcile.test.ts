import { env, SELF } from 'cloudflare:test';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { incidentKey } from '../../core/loops/pipeline-recovery/key.ts';
import type { Firing } from '../../durable-objects/scheduler/scheduler-rows.ts';
import { incidentStub, schedulerStub } from '../../durable-objects/stubs.ts';
import { incidentIdOf } from '../routing/event-ids.ts';
import { type AzureWorld, azureDevOps, buildHook, buildJson } from '../test/azure-devops.ts';
import { migrateDatabase } from '../test/database.ts';
import { Outside, until } from '../test/outside.ts';
import { telegramTakesAll } from '../test/telegram.ts';

let outside: Outside;
let world: AzureWorld;
let hooks: { id: string; eventType: string; status: string }[] | number;
let firings = 0;

beforeAll(migrateDatabase);
beforeEach(() => {
  outside = new Outside();
  world = azureDevOps(outside);
  hooks = [{ id: 'sub-1', eventType: 'build.complete', status: 'enabled' }];
  outside
    .json('GET', /^\/demo\/Tools\/_apis\/build\/builds\?/, () => ({ value: [] }))
    .json('GET', /^\/demo\/_apis\/hooks\/subscriptions/, () =>
      typeof hooks === 'number'
        ? Response.json({ message: 'no' }, { status: hooks })
        : {
            value: [
              ...hooks.map((hook) => ({
                ...hook,
                consumerId: 'webHooks',
                consumerInputs: { url: 'https://dogwatch.test/hooks/azure-devops' },
              })),
              {
                id: 'somebody-elses',
                eventType: 'git.push',
                status: 'disabledBySystem',
                consumerId: 'webHooks',
                consumerInputs: { url: 'https://elsewhere.test/hook' },
              },
            ],
          },
    );
  telegramTakesAll(outside);
});

/** One look, to its end. */
async function look(): Promise<Firing> {
  firings += 1;
  const key = `look-${firings}`;
  await schedulerStub(env).fire({ schedule: 'reconcile', key, cause: 'run', text: null, by: 'test' });
  return until(async () => {
    const view = await schedulerStub(env).view('reconcile');
    const firing = view?.firings.find(({ id }) => id === `reconcile:run:${key}`);
    return firing && firing.status !== 'going' && firing;
  });
}

const incidentOf = async (ref: string) => {
  const key = incidentKey({ organisation: 'demo', project: 'shop', definition: 1, ref });
  return incidentStub(env, incidentIdOf(key));
};
const failuresOf = async (ref: string): Promise<number> =>
  ((await (await incidentOf(ref)).view())?.journal ?? []).filter(({ type }) => type === 'failure_recorded')
    .length;
/** What the operator heard of Azure DevOps itself; incidents of other tests still talk. */
const told = (): string[] =>
  outside
    .asked('POST', /sendMessage/)
    .map(({ body }) => String((body as { text?: string }).text))
    .filter((text) => text.includes('<b>Azure DevOps'));
const hook = (id: string, build: number) =>
  SELF.fetch('https://dogwatch.test/hooks/azure-devops', {
    method: 'POST',
    headers: { 'x-webhook-secret': 'hook-new' },
    body: JSON.stringify(buildHook(id, build)),
  });
const delivered = (event: string) =>
  until(() =>
    env.DB.prepare(`SELECT reason FROM deliveries WHERE id = ? AND status = 'delivered'`)
      .bind(event)
      .first<{ reason: string | null }>(),
  );

describe('a failed build whose hook was lost', () => {
  it('is found by the next look, once, and its late hook changes nothing', async () => {
    const ref = 'refs/heads/lost';
    world.builds.push(buildJson({ id: 901, ref }));
    expect(await look()).toMatchObject({ status: 'done', note: 'builds handed in: 1' });
    await until(async () => (await failuresOf(ref)) === 1);
    expect(await look()).toMatchObject({ status: 'nothing' });
    const late = (await (await hook('99999999-0000-4000-8000-000000000901', 901)).json()) as {
      event: string;
    };
    expect((await delivered(late.event)).reason).toBe('the incident knew it already');
    expect(await failuresOf(ref)).toBe(1);
  });

  it('causes nothing twice when its hook came first', async () => {
    const ref = 'refs/heads/hooked';
    world.builds.push(buildJson({ id: 902, ref }));
    await hook('99999999-0000-4000-8000-000000000902', 902);
    await until(async () => (await failuresOf(ref)) === 1);
    await look();
    const row = await until(() =>
      env.DB.prepare(
        `SELECT reason FROM deliveries WHERE delivery LIKE 'demo/shop/902/%' AND status = 'delivered'`,
      ).first<{ reason: string | null }>(),
    );
    expect(row.reason).toBe('the incident knew it already');
    expect(await failuresOf(ref)).toBe(1);
  });

  it('and the green one after it reach an open incident', async () => {
    const ref = 'refs/heads/mended';
    world.builds.push(buildJson({ id: 903, ref }));
    await look();
    const incident = await incidentOf(ref);
    await until(async () => (await incident.view())?.state);
    await until(() =>
      env.DB.prepare('SELECT 1 AS one FROM incidents WHERE key LIKE ?')
        .bind(`%${ref}`)
        .first<{ one: number }>(),
    );
    world.builds.push(buildJson({ id: 904, ref, result: 'succeeded', commit: 'b'.repeat(40) }));
    await look();
    await until(async () =>
      (await incident.view())?.journal.some(
        ({ type, data }) => type === 'received' && JSON.stringify(data).includes('"build":904'),
      ),
    );
  });
});

describe('the state of our service hooks', () => {
  it('is told once per change and when it is well again, of ours only', async () => {
    await look();
    expect(told()).toEqual([]);
    hooks = [{ id: 'sub-1', eventType: 'build.complete', status: 'onProbation' }];
    await look();
    await look();
    await until(async () => told().length === 1);
    expect(told()[0]).toContain('build.complete: on probation: new events are lost');
    hooks = [{ id: 'sub-1', eventType: 'build.complete', status: 'enabled' }];
    await look();
    await until(async () => told().length === 2);
    expect(told()[1]).toContain('Azure DevOps tells us again');
  });

  it('that may not be read is said in the look’s note, and the look goes on', async () => {
    hooks = 403;
    expect((await look()).note).toContain('the state of the service hooks is not known');
  });
});

describe('a project that does not answer', () => {
  it('fails the look, tells the operator once a day, and hides no other project', async () => {
    outside.on(({ url }) =>
      url.pathname.startsWith('/demo/Tools/') ? Response.json({ message: 'no' }, { status: 403 }) : undefined,
    );
    world.builds.push(buildJson({ id: 905, ref: 'refs/heads/seen' }));
    expect(await look()).toMatchObject({ status: 'failed', note: expect.stringContaining('Tools') });
    await look();
    await until(async () => (await failuresOf('refs/heads/seen')) === 1);
    const silent = () => told().filter((text) => text.includes('cannot be asked for builds'));
    await until(async () => silent().length === 1);
    expect(silent()).toHaveLength(1);
  });
});
