import { env, SELF } from 'cloudflare:test';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Env } from '../../env.ts';
import { type AzureWorld, azureDevOps, buildHook, buildJson } from '../../test/azure-devops.ts';
import { migrateDatabase } from '../../test/database.ts';
import { Outside, until } from '../../test/outside.ts';

let world: AzureWorld;
let outside: Outside;
beforeAll(migrateDatabase);
beforeEach(() => {
  outside = new Outside();
  world = azureDevOps(outside);
});

const post = (body: unknown, headers: Record<string, string> = { 'x-webhook-secret': 'hook-new' }) =>
  SELF.fetch('https://dogwatch.test/hooks/azure-devops', {
    method: 'POST',
    headers,
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });

interface DeliveryRow {
  id: string;
  status: string;
  reason: string | null;
  target: string | null;
}

const deliveryOf = (event: string, status?: string) =>
  until(async () => {
    const row = await env.DB.prepare('SELECT * FROM deliveries WHERE id = ?')
      .bind(event)
      .first<DeliveryRow>();
    return row && (status === undefined ? row.status !== 'accepted' : row.status === status) ? row : null;
  });

describe('the Azure DevOps hook', () => {
  it('takes both secrets of a rotation, in the header or as Basic password', async () => {
    const headers = [
      { 'x-webhook-secret': 'hook-new' },
      { 'x-webhook-secret': 'hook-old' },
      { authorization: `Basic ${btoa('anyone:hook-new')}` },
    ];
    for (const [n, header] of headers.entries()) {
      const response = await post(buildHook(`11111111-0000-4000-8000-00000000000${n}`, 999), header);
      expect(response.status).toBe(202);
      // Delivered before the test ends: what it asks outside must not be counted as the next one's.
      await deliveryOf(((await response.json()) as { event: string }).event);
    }
  });

  it('answers 401 to a wrong or missing secret and puts it on the audit chain', async () => {
    for (const headers of [{}, { 'x-webhook-secret': 'nope' }, { authorization: 'Basic !!!' }]) {
      const response = await post('{}', headers);
      expect(response.status).toBe(401);
      expect(response.headers.get('content-type')).toContain('application/problem+json');
    }
    const row = await until(() =>
      env.DB.prepare(`SELECT * FROM audit WHERE action = 'hook_unauthorized'`).first<{ data: string }>(),
    );
    expect(row.data).not.toContain('nope');
  });

  it('answers 202 to what it cannot use and keeps it for inspection', async () => {
    const bodies = [
      '{ not json',
      '[]',
      { id: '22222222-0000-4000-8000-000000000001', eventType: 'build.deleted', resource: {} },
      { id: '22222222-0000-4000-8000-000000000002', eventType: 'build.complete', resource: {} },
      buildHook('22222222-0000-4000-8000-000000000003', 5, {
        resource: { id: 5, project: { name: 'elsewhere' } },
      }),
      'x'.repeat(2 * 1024 * 1024 + 1),
    ];
    for (const body of bodies) {
      const response = await post(body);
      expect(response.status).toBe(202);
      const { event, status } = (await response.json()) as { event: string; status: string };
      expect(status).toBe('refused');
      expect((await deliveryOf(event)).status).toBe('refused');
    }
    expect(outside.requests.filter(({ url }) => url.host === 'azure-devops.test')).toHaveLength(0);
  });

  it('answers 503 with Retry-After, never 500, when something of ours fails', async () => {
    const { default: worker } = await import('../../index.ts');
    const request = new Request('https://dogwatch.test/hooks/azure-devops', {
      method: 'POST',
      headers: { 'x-webhook-secret': 'hook-new' },
      body: JSON.stringify(buildHook('33333333-0000-4000-8000-000000000001', 5)),
    }) as Request<unknown, IncomingRequestCfProperties>;
    const failing = {
      ...(env as Env),
      INBOX: {
        getByName: () => {
          throw new Error('the object is gone');
        },
      } as unknown as DurableObjectNamespace,
    };
    const response = await worker.fetch(request, failing, {} as ExecutionContext);
    expect(response.status).toBe(503);
    expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(0);
  });

  it('answers 503 with Retry-After when a shard has too much to do', async () => {
    const { default: worker } = await import('../../index.ts');
    const request = new Request('https://dogwatch.test/hooks/azure-devops', {
      method: 'POST',
      headers: { 'x-webhook-secret': 'hook-new' },
      body: JSON.stringify(buildHook('33333333-0000-4000-8000-000000000002', 5)),
    }) as Request<unknown, IncomingRequestCfProperties>;
    const INBOX = { getByName: () => ({ accept: async () => ({ status: 'busy' }) }) };
    const busy = { ...(env as Env), INBOX: INBOX as unknown as DurableObjectNamespace };
    const response = await worker.fetch(request, busy, {} as ExecutionContext);
    expect(response.status).toBe(503);
    expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(0);
  });

  it('starts an incident for a failed build, from what the API says and not from the payload', async () => {
    world.builds.push(buildJson({ id: 101, ref: 'refs/heads/topic/one' }));
    const hook = buildHook('44444444-0000-4000-8000-000000000001', 101, {
      resource: { id: 101, result: 'succeeded', sourceBranch: 'refs/heads/lie', project: { name: 'SHOP' } },
    });
    const { event } = (await (await post(hook)).json()) as { event: string };
    const delivered = await deliveryOf(event);
    expect(delivered).toMatchObject({ status: 'delivered' });
    const incident = await until(() =>
      env.DB.prepare('SELECT * FROM incidents WHERE id = ?').bind(delivered.target).first<{ key: string }>(),
    );
    expect(incident.key).toBe('azure-devops/demo/shop/1/refs/heads/topic/one');
    const journal = await env.DB.prepare('SELECT data FROM audit WHERE chain = ?')
      .bind(delivered.target)
      .all();
    expect(JSON.stringify(journal.results)).not.toContain('Dana');
    const authorization = outside.asked('GET', /builds\/101/)[0]?.headers.get('authorization');
    expect(authorization).toBe(`Basic ${btoa(':pat-for-tests')}`);
  });

  it('knows a delivery that came before, and an end of a build that another event told', async () => {
    world.builds.push(buildJson({ id: 102, ref: 'refs/heads/topic/two' }));
    const first = await post(buildHook('55555555-0000-4000-8000-000000000001', 102));
    const { event } = (await first.json()) as { event: string };
    await deliveryOf(event);
    const again = await post(buildHook('55555555-0000-4000-8000-000000000001', 102));
    expect(again.status).toBe(202);
    expect(await again.json()).toEqual({ event, status: 'duplicate' });
    const run = {
      id: '55555555-0000-4000-8000-000000000002',
      eventType: 'ms.vss-pipelines.run-state-changed-event',
      resource: { run: { id: 102 } },
      resourceContainers: { project: { id: 'be9b3917-87e6-42a4-a549-2bc06a7a878f' } },
    };
    const other = (await (await post(run)).json()) as { event: string };
    expect(await deliveryOf(other.event)).toMatchObject({
      status: 'delivered',
      reason: 'the incident knew it already',
    });
  });

  it('closes an unknown build with a note for Ryan and no incident', async () => {
    const { event } = (await (await post(buildHook('66666666-0000-4000-8000-000000000001', 404))).json()) as {
      event: string;
    };
    expect(await deliveryOf(event)).toMatchObject({
      status: 'closed',
      reason: 'unknown build',
      target: null,
    });
    const messages = await SELF.fetch('https://dogwatch.test/api/groups/ryan/messages', {
      headers: { authorization: 'Bearer operator-token' },
    });
    expect(JSON.stringify(await messages.json())).toContain('build 404 in shop');
  });

  it('wakes nobody for green, canceled and running builds of a branch without an incident', async () => {
    world.builds.push(
      buildJson({ id: 201, result: 'succeeded', ref: 'refs/heads/calm' }),
      buildJson({ id: 202, result: 'canceled', ref: 'refs/heads/calm' }),
      buildJson({ id: 203, status: 'inProgress', result: 'none', ref: 'refs/heads/calm' }),
      buildJson({ id: 204, ref: 'refs/heads/fix/ci-inc_00000000000000000000000000-1' }),
    );
    for (const [n, build] of world.builds.entries()) {
      const hook = buildHook(`77777777-0000-4000-8000-00000000000${n}`, build.id);
      const { event } = (await (await post(hook)).json()) as { event: string };
      expect((await deliveryOf(event)).status).toBe('ignored');
    }
  });

  it('refuses a project that is known by id only and is not configured', async () => {
    outside.json('GET', /^\/demo\/_apis\/projects\/aaaaaaaa/, () => ({ id: 'aaaaaaaa', name: 'Other' }));
    const hook = {
      id: '88888888-0000-4000-8000-000000000001',
      eventType: 'build.complete',
      resource: { id: 5 },
      resourceContainers: { project: { id: 'aaaaaaaa-0000-4000-8000-000000000000' } },
    };
    const { event } = (await (await post(hook)).json()) as { event: string };
    expect(await deliveryOf(event)).toMatchObject({
      status: 'refused',
      reason: 'project Other is not in AZURE_DEVOPS_PROJECTS',
    });
  });

  it('tries again when the API fails, and delivers in the end', async () => {
    world.builds.push(buildJson({ id: 301, ref: 'refs/heads/patience' }));
    let failures = 2;
    outside.on(({ url }) => {
      if (!url.pathname.endsWith('/builds/301') || failures === 0) return undefined;
      failures -= 1;
      return new Response('busy', { status: 503 });
    });
    const { event } = (await (await post(buildHook('99999999-0000-4000-8000-000000000001', 301))).json()) as {
      event: string;
    };
    expect(await deliveryOf(event, 'delivered')).toMatchObject({ status: 'delivered' });
    expect(failures).toBe(0);
  });
});
