import { env, SELF } from 'cloudflare:test';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type AzureWorld, azureDevOps, buildHook, buildJson } from '../test/azure-devops.ts';
import { migrateDatabase } from '../test/database.ts';
import { openIncident } from '../test/incident.ts';
import { Outside, until } from '../test/outside.ts';

let outside: Outside;
let world: AzureWorld;
beforeAll(migrateDatabase);
beforeEach(() => {
  outside = new Outside();
  world = azureDevOps(outside);
});

const call = (method: string, path: string, body?: unknown, token = 'operator-token') =>
  SELF.fetch(`https://dogwatch.test/api${path}`, {
    method,
    headers: { authorization: `Bearer ${token}` },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
const get = async <T = Record<string, unknown>>(path: string) =>
  (await (await call('GET', path)).json()) as T;

interface List {
  items: Record<string, unknown>[];
  cursor: string | null;
}

const countRows = async () => {
  const tables = ['audit', 'deliveries', 'incidents', 'timers', 'dead_letters'];
  const counts = tables.map((table) =>
    env.DB.prepare(`SELECT count(*) AS c FROM ${table}`).first<{ c: number }>(),
  );
  return (await Promise.all(counts)).map((row) => row?.c);
};

/** Rows come to D1 beside what asked for them: those of earlier tests are waited for. */
const settledRows = async () => {
  for (let counts = await countRows(); ; ) {
    await new Promise((resolve) => setTimeout(resolve, 500));
    const again = await countRows();
    if (again.join() === counts.join()) return again;
    counts = again;
  }
};

describe('the operator API', () => {
  it('is closed without the token, with a problem as answer', async () => {
    for (const path of ['/status', '/incidents', '/nowhere']) {
      const response = await call('GET', path, undefined, 'wrong');
      expect(response.status).toBe(401);
      expect(response.headers.get('content-type')).toBe('application/problem+json');
    }
  });

  it('lists everything as items with a cursor', async () => {
    const lists = [
      'incidents',
      'groups',
      'runs',
      'deliveries',
      'audit',
      'costs',
      'dead-letters',
      'schedules',
      'relay-routes',
      'approvals',
      'groups/cody/messages',
    ];
    for (const list of lists) {
      const response = await call('GET', `/${list}`);
      expect(response.status, list).toBe(200);
      expect(await response.json(), list).toMatchObject({ items: expect.any(Array), cursor: null });
    }
  });

  it('shows the state of everything and what is not set up', async () => {
    const status = await get<{ stopped: boolean; settings: { setting: string }[] }>('/status');
    expect(status.stopped).toBe(false);
    expect(status.settings.map(({ setting }) => setting)).toContain('RUNNER_URLS');
    expect(JSON.stringify(status)).not.toContain('token-for-tests');
  });

  it('answers 400, 404 and 413 as problems', async () => {
    const answers: [Promise<Response>, number][] = [
      [call('GET', '/incidents/nonsense'), 404],
      [call('GET', `/incidents/inc_${'0'.repeat(26)}`), 404],
      [call('GET', '/incidents?limit=0'), 400],
      [call('GET', '/audit?cursor=nonsense'), 400],
      [call('GET', '/groups/nobody/messages'), 404],
      [call('POST', '/dry-run', '{'), 400],
      [call('POST', '/dry-run', { source: 'fax' }), 400],
      [call('POST', '/dry-run', 'x'.repeat(6 * 1024 * 1024)), 413],
      [call('POST', '/dead-letters/none/replay'), 404],
      [call('POST', `/approvals/apr_${'0'.repeat(26)}/approve`), 404],
      [call('GET', '/nowhere'), 404],
    ];
    for (const [answer, status] of answers) {
      const response = await answer;
      expect(response.status).toBe(status);
      expect(response.headers.get('content-type')).toBe('application/problem+json');
    }
  });

  it('shows an incident with state, evidence and journal, and replays it to the same state', async () => {
    const incident = await openIncident('refs/heads/shown', 700);
    const view = await get<{ status: string; journal: unknown[]; evidence: unknown }>(
      `/incidents/${incident}`,
    );
    expect(view.journal.length).toBeGreaterThan(2);
    expect(view).toMatchObject({
      id: incident,
      evidence: null,
      journal: expect.arrayContaining([
        expect.objectContaining({ seq: 1, at: expect.stringMatching(/^20.*Z$/) }),
      ]),
    });
    const listed = await until(async () =>
      (await get<List>('/incidents')).items.find(
        ({ id, status }) => id === incident && status === 'escalated',
      ),
    );
    expect(listed.key).toBe('azure-devops/demo/shop/1/refs/heads/shown');
    const ids = async (state: string) =>
      (await get<List>(`/incidents?state=${state}`)).items.map(({ id }) => id);
    expect(await ids('escalated')).toContain(incident);
    expect(await ids('open')).not.toContain(incident);
    const replay = (await (await call('POST', `/incidents/${incident}/replay`)).json()) as {
      identical: boolean;
    };
    expect(replay.identical).toBe(true);
  });

  it('aborts an incident that is open, once, and says why it cannot be', async () => {
    world.builds.push(buildJson({ id: 705, ref: 'refs/heads/abandoned' }));
    const incident = await openIncident('refs/heads/abandoned', 705);
    const path = `/incidents/${incident}/abort`;
    const aborted = await call('POST', path);
    expect([aborted.status, await aborted.json()]).toEqual([202, { incident, status: 'aborted' }]);
    const again = await call('POST', path);
    expect(again.status).toBe(409);
    expect(await again.json()).toMatchObject({ detail: 'it is aborted already' });
    expect((await call('POST', `/incidents/inc_${'0'.repeat(26)}/abort`)).status).toBe(404);
    const rows = await until(async () => {
      const { items } = await get<List>('/audit?action=incident_abort');
      return items.length > 0 && items;
    });
    expect(rows, 'only what was done').toHaveLength(1);
  });

  it('pages through a list without losing or repeating a row', async () => {
    for (let build = 710; build < 715; build++) await openIncident(`refs/heads/page-${build}`, build);
    await until(async () => (await get<List>('/incidents')).items.length >= 5);
    const seen: unknown[] = [];
    let cursor: string | null = null;
    do {
      const page: List = await get<List>(
        `/audit?limit=3${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ''}`,
      );
      seen.push(...page.items.map(({ chain, seq }) => `${chain}/${seq}`));
      cursor = page.cursor;
    } while (cursor !== null);
    expect(new Set(seen).size).toBe(seen.length);
    expect(seen.length).toBeGreaterThan(10);
  });

  it('allows and removes relay routes', async () => {
    expect((await call('PUT', '/relay-routes/cody/sam')).status).toBe(200);
    expect((await get<List>('/relay-routes')).items).toContainEqual(
      expect.objectContaining({ from: 'cody', to: 'sam', by: 'operator' }),
    );
    expect((await call('DELETE', '/relay-routes/cody/sam')).status).toBe(200);
    expect((await call('DELETE', '/relay-routes/cody/sam')).status).toBe(404);
    expect((await call('PUT', '/relay-routes/cody/nobody')).status).toBe(404);
    const rows = await until(async () => {
      const { items } = await get<List>('/audit?action=relay_route_removed');
      return items.length > 0 && items;
    });
    expect(rows, 'what was not there was not removed').toHaveLength(1);
    expect(rows[0]).toMatchObject({ chain: 'relay-policy', actor: 'operator' });
  });

  it('stops and resumes', async () => {
    await call('POST', '/stop');
    expect((await get<{ stopped: boolean }>('/status')).stopped).toBe(true);
    await call('POST', '/resume');
    expect((await get<{ stopped: boolean }>('/status')).stopped).toBe(false);
  });

  it('shows in a dry-run what a hook would do, and writes nothing', async () => {
    world.builds.push(
      buildJson({ id: 801, ref: 'refs/heads/dry' }),
      buildJson({ id: 802, result: 'succeeded' }),
    );
    const before = await settledRows();
    const hook = buildHook('dddddddd-0000-4000-8000-000000000001', 801);
    const answer = await (
      await call('POST', '/dry-run', { source: 'azure-devops', headers: {}, body: hook })
    ).json();
    expect(answer).toMatchObject({ status: 'accepted', type: 'build.complete' });
    expect(JSON.stringify(answer)).toContain('collect_evidence');
    const asText = { source: 'azure-devops', body: JSON.stringify(buildHook('d', 802)) };
    expect(await (await call('POST', '/dry-run', asText)).json()).toMatchObject({
      status: 'ignored',
      effects: [],
    });
    expect(
      await (await call('POST', '/dry-run', { source: 'azure-devops', body: '{' })).json(),
    ).toMatchObject({
      status: 'refused',
    });
    expect(await settledRows()).toEqual(before);
    const real = await SELF.fetch('https://dogwatch.test/hooks/azure-devops', {
      method: 'POST',
      headers: { 'x-webhook-secret': 'hook-new' },
      body: JSON.stringify(hook),
    });
    expect(await real.json()).toMatchObject({ status: 'accepted' });
  });

  it('replays a dead delivery once its cause is gone', async () => {
    world.builds.push(buildJson({ id: 803, ref: 'refs/heads/raised' }));
    let broken = true;
    outside.on(({ url }) =>
      broken && url.pathname.endsWith('/builds/803')
        ? Response.json({ message: 'no' }, { status: 403 })
        : undefined,
    );
    await SELF.fetch('https://dogwatch.test/hooks/azure-devops', {
      method: 'POST',
      headers: { 'x-webhook-secret': 'hook-new' },
      body: JSON.stringify(buildHook('dddddddd-0000-4000-8000-000000000002', 803)),
    });
    const dead = await until(async () =>
      (await get<List>('/dead-letters')).items.find(({ objectType }) => objectType === 'inbox'),
    );
    broken = false;
    const path = `/dead-letters/${encodeURIComponent(String(dead.id))}/replay`;
    expect((await call('POST', path)).status).toBe(202);
    await until(async () =>
      (await get<List>('/deliveries')).items.some(
        ({ id, status }) => id === dead.key && status === 'delivered',
      ),
    );
    expect((await call('POST', path)).status).toBe(409);
  });
});
