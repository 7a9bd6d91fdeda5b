import { env, runInDurableObject, SELF } from 'cloudflare:test';
import { gunzipSync } from 'node:zlib';
import { beforeAll, expect, test } from 'vitest';
import { incidentStub, type ObjectName, objectStub } from '../../durable-objects/stubs.ts';
import { judgement } from '../../durable-objects/test/specs.ts';
import { backup } from '../../scripts/operator/backup.ts';
import type { OperatorApi } from '../../scripts/operator/operator-api.ts';
import { restore } from '../../scripts/operator/restore.ts';
import { azureDevOps, buildHook, buildJson, failedInTest } from '../../workers/test/azure-devops.ts';
import { migrateDatabase } from '../../workers/test/database.ts';
import { modelSays } from '../../workers/test/model.ts';
import { Outside, until } from '../../workers/test/outside.ts';
import { telegramTakesAll } from '../../workers/test/telegram.ts';

const AUTHOR = 'Ottilie Zwitscher';
const outside = new Outside();

async function ask<T>(method: string, path: string, body?: unknown): Promise<T> {
  const response = await SELF.fetch(`https://dogwatch.test${path}`, {
    method,
    headers: { authorization: 'Bearer operator-token' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
  return JSON.parse(text) as T;
}

const api: OperatorApi = {
  get: (path) => ask('GET', path),
  text: async () => '',
  send: (method, path, body) => ask(method, path, body),
  async list<T>(path: string) {
    const items: T[] = [];
    let cursor: string | null = null;
    do {
      const query: string =
        cursor === null ? '' : `${path.includes('?') ? '&' : '?'}cursor=${encodeURIComponent(cursor)}`;
      const page: { items: T[]; cursor: string | null } = await ask('GET', `${path}${query}`);
      items.push(...page.items);
      cursor = page.cursor;
    } while (cursor !== null);
    return items;
  },
};

const LISTS = ['incidents', 'runs', 'deliveries', 'costs', 'audit', 'dead-letters', 'approvals', 'artifacts'];

async function shown(): Promise<Record<string, unknown[]>> {
  const lists = await Promise.all(LISTS.map((list) => api.list(`/api/${list}?limit=200`)));
  return Object.fromEntries(LISTS.map((list, index) => [list, lists[index] ?? []]));
}

const objects = () => api.list<ObjectName>('/api/restore/objects');

/** Every object that there may be has written what it had to write. */
async function flushAll(known: ObjectName[]): Promise<void> {
  for (const name of known) {
    const stub = objectStub(env, name);
    await until(async () => (await stub?.backup('flush'))?.isKept === true);
  }
}

const bindings: Record<string, DurableObjectNamespace> = {
  inbox: env.INBOX,
  incident: env.INCIDENT,
  group_queue: env.GROUP_QUEUE,
  run: env.RUN,
  run_pool: env.RUN_POOL,
  relay_policy: env.RELAY_POLICY,
  scheduler: env.SCHEDULER,
  telegram: env.TELEGRAM,
};

/** As on a new account: the bucket is all there is. */
async function loseEverything(known: ObjectName[]): Promise<void> {
  for (const { objectType, object } of known) {
    const stub = () => (bindings[objectType] as DurableObjectNamespace).getByName(object);
    await runInDurableObject(stub(), async (_, state) => {
      await state.storage.deleteAlarm();
      await state.storage.deleteAll();
      state.abort('lost');
    }).catch(() => {});
  }
  const { results } = await env.DB.prepare(
    `SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '\\_%' ESCAPE '\\' AND name NOT LIKE '%migrations' AND name NOT LIKE 'sqlite%'`,
  ).all<{ name: string }>();
  for (const { name } of results) await env.DB.prepare(`DELETE FROM "${name}"`).run();
}

async function allKnown(incident: string): Promise<ObjectName[]> {
  const { results } = await env.DB.prepare('SELECT id FROM runs').all<{ id: string }>();
  return [
    ...Array.from({ length: 16 }, (_, n) => ({ objectType: 'inbox', object: `inbox-${n}` })),
    { objectType: 'incident', object: incident },
    ...results.map(({ id }) => ({ objectType: 'run', object: id })),
    ...['ryan', 'cody', 'sam', 'team'].map((object) => ({ objectType: 'group_queue', object })),
    { objectType: 'run_pool', object: 'pool' },
    { objectType: 'relay_policy', object: 'policy' },
    { objectType: 'scheduler', object: 'schedules' },
    { objectType: 'telegram', object: 'bot' },
  ];
}

async function textOfBackup(): Promise<string> {
  let text = '';
  let cursor: string | undefined;
  do {
    const page: R2Objects = await env.ARTIFACTS.list({ prefix: 'backup/', ...(cursor ? { cursor } : {}) });
    for (const { key } of page.objects.filter(({ key }) => key.endsWith('.gz'))) {
      const found = await env.ARTIFACTS.get(key);
      if (found) text += new TextDecoder().decode(gunzipSync(new Uint8Array(await found.arrayBuffer())));
    }
    cursor = page.truncated ? page.cursor : undefined;
  } while (cursor !== undefined);
  return text;
}

let incident = '';
let isAway = true;
let late = '';
const posted = () => outside.asked('POST', /sendMessage/).length;

beforeAll(async () => {
  await migrateDatabase();
  const world = azureDevOps(outside);
  world.builds.push(buildJson({ id: 900 }), buildJson({ id: 901, ref: 'refs/heads/late' }));
  failedInTest(outside, [{ id: 'a'.repeat(40), message: 'Round', author: { displayName: AUTHOR } }]);
  telegramTakesAll(outside);
  outside.on(({ url }) =>
    url.host === 'anthropic.test' ? modelSays({ ...judgement, category: 'environment' }) : undefined,
  );
  outside.on(({ url }) =>
    isAway && url.pathname.includes('/builds/901/timeline')
      ? Response.json({ message: 'down' }, { status: 503 })
      : undefined,
  );
  await SELF.fetch('https://dogwatch.test/hooks/azure-devops', {
    method: 'POST',
    headers: { 'x-webhook-secret': 'hook-new' },
    body: JSON.stringify(buildHook('33333333-0000-4000-8000-000000000002', 900)),
  });
  incident = await until(async () => {
    const row = await env.DB.prepare(`SELECT id FROM incidents WHERE status = 'explained'`).first<{
      id: string;
    }>();
    return row?.id;
  }, 20_000);
  await api.send('PUT', '/api/relay-routes/cody/sam');
  // It makes its own schedules when it is first asked: they belong to what was there before.
  await api.get('/api/schedules');
  await until(() => env.DB.prepare(`SELECT 1 FROM audit WHERE chain = 'scheduler'`).first());
}, 40_000);

test('a restored instance shows what the lost one showed, and sends nothing again', async () => {
  const known = await allKnown(incident);
  await until(async () => {
    const counts = [posted()];
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    return posted() === counts[0];
  });
  await flushAll(known);
  expect(await backup.run(api, ['now'])).toMatch(/^Manifest of .* parts/);
  const before = await shown();
  const view = await incidentStub(env, incident).view();
  expect(before.costs?.length).toBeGreaterThan(0);
  expect(await backup.run(api, ['verify'])).toMatch(/are there, unaltered/);
  await expect(restore(api, () => {})).rejects.toThrow('this instance is not empty');

  await loseEverything(known);
  expect((await shown()).incidents).toEqual([]);
  const messages = posted();
  const told = await restore(api, () => {});
  expect(told).toContain('All objects work again');

  const after = await shown();
  const isRestored = (row: unknown) => (row as { action?: string }).action !== 'restored';
  for (const list of LISTS) expect(after[list]?.filter(isRestored), list).toEqual(before[list]);
  expect(await incidentStub(env, incident).view()).toEqual(view);
  expect(await incidentStub(env, incident).replay()).toMatchObject({ identical: true });
  const routes = await api.list<{ from: string; to: string }>('/api/relay-routes');
  expect(routes).toContainEqual(expect.objectContaining({ from: 'cody', to: 'sam' }));
  for (const chain of await api.list<string>('/api/audit/chains?limit=200')) {
    const verified = await api.get<{ fault: unknown; cursor: unknown }>(`/api/audit/verify?chain=${chain}`);
    expect(verified, chain).toMatchObject({ fault: null });
  }
  await new Promise((resolve) => setTimeout(resolve, 2_000));
  expect(posted()).toBe(messages);
  await expect(api.send('POST', '/api/restore/end')).rejects.toThrow('no restore is going on');
}, 60_000);

test('what happens after a restore goes on where the lost instance ended', async () => {
  await api.send('DELETE', '/api/relay-routes/cody/sam');
  await until(async () => {
    const row = await env.DB.prepare(
      `SELECT max(seq) AS seq FROM audit WHERE chain = 'relay-policy' AND action = 'relay_route_removed'`,
    ).first<{ seq: number | null }>();
    return row?.seq === 2;
  });
  const again = await SELF.fetch('https://dogwatch.test/hooks/azure-devops', {
    method: 'POST',
    headers: { 'x-webhook-secret': 'hook-new' },
    body: JSON.stringify(buildHook('33333333-0000-4000-8000-000000000002', 900)),
  });
  expect(await again.json()).toMatchObject({ status: 'duplicate' });
});

test('what was under way when all was lost goes on by itself', async () => {
  await SELF.fetch('https://dogwatch.test/hooks/azure-devops', {
    method: 'POST',
    headers: { 'x-webhook-secret': 'hook-new' },
    body: JSON.stringify(buildHook('33333333-0000-4000-8000-000000000003', 901)),
  });
  late = await until(async () => {
    const row = await env.DB.prepare(`SELECT id FROM incidents WHERE status = 'detected'`).first<{
      id: string;
    }>();
    const outbox = row && (await incidentStub(env, row.id).view())?.outbox;
    return outbox?.some(({ kind, tries }) => kind === 'collect_evidence' && tries > 0) && row?.id;
  });
  const known = [...(await allKnown(incident)), { objectType: 'incident', object: late }];
  await flushAll(known);
  await loseEverything(known);
  expect(await incidentStub(env, late).view()).toBeNull();
  await restore(api, () => {});
  isAway = false;
  await until(async () => (await incidentStub(env, late).view())?.status === 'explained', 30_000);
}, 90_000);

test('a deleted text goes from the backup', async () => {
  const known = [...(await allKnown(incident)), { objectType: 'incident', object: late }];
  await flushAll(known);
  expect(await textOfBackup()).toContain(AUTHOR);
  const { results } = await env.DB.prepare('SELECT id FROM subjects').all<{ id: string }>();
  for (const { id } of results) await api.send('DELETE', `/api/subjects/${id}`);
  await flushAll(known);
  expect(await textOfBackup()).not.toContain(AUTHOR);
  expect((await objects()).length).toBeGreaterThan(10);
}, 60_000);

test('a missing or altered part is found', async () => {
  const { objects: parts } = await env.ARTIFACTS.list({
    prefix: `backup/objects/incident/${incident}/lines/`,
  });
  const [first] = parts;
  if (!first) throw new Error('no part');
  await backup.run(api, ['now']);
  const whole = await env.ARTIFACTS.get(first.key);
  const bytes = await whole?.arrayBuffer();
  await env.ARTIFACTS.delete(first.key);
  await expect(backup.run(api, ['verify'])).rejects.toThrow(`${first.key} is gone`);
  await env.ARTIFACTS.put(first.key, bytes ?? '', { customMetadata: { sha256: 'other' } });
  await expect(backup.run(api, ['verify'])).rejects.toThrow(`${first.key} is altered`);
}, 30_000);
