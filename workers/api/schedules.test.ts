import { env, SELF } from 'cloudflare:test';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { schedulerStub } from '../../durable-objects/stubs.ts';
import { azureDevOps } from '../test/azure-devops.ts';
import { migrateDatabase } from '../test/database.ts';
import { Outside, until } from '../test/outside.ts';

beforeAll(migrateDatabase);
beforeEach(() => {
  const outside = new Outside();
  azureDevOps(outside);
  outside.json('GET', /^\/demo\/Tools\/_apis\/build\/builds\?/, () => ({ value: [] }));
});

const call = (method: string, path: string, body?: unknown, headers: Record<string, string> = {}) =>
  SELF.fetch(`https://dogwatch.test/api/schedules${path}`, {
    method,
    headers: { authorization: 'Bearer operator-token', ...headers },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
const json = async <T = Record<string, unknown>>(answer: Promise<Response>) =>
  (await (await answer).json()) as T;

interface Shown {
  id: string;
  paused: boolean;
  nextRuns: string[];
  lastResult: { status: string; note: string | null } | null;
  firings: { id: string; status: string; cause: string; note: string | null; target: string | null }[];
}
const show = (id: string) => json<Shown>(call('GET', `/${id}`));
const settled = (id: string) =>
  until(async () => {
    const [firing] = (await show(id)).firings;
    return firing && !['going', 'waiting'].includes(firing.status) && firing;
  });

const NIGHTLY = { cron: '30 2 * * *', timeZone: 'Europe/Berlin', task: { kind: 'check_pipelines' } };

describe('schedules', () => {
  it('list what is built in, with the next five runs as times', async () => {
    const { items } = await json<{ items: Shown[] }>(call('GET', ''));
    const reconcile = items.find(({ id }) => id === 'reconcile');
    expect(reconcile).toMatchObject({ source: 'built-in', policy: 'latest', group: null, hasToken: false });
    expect(reconcile?.nextRuns).toHaveLength(5);
    for (const at of reconcile?.nextRuns ?? []) expect(at).toMatch(/^20\d\d-.*:(00|15|30|45):00\.000Z$/);
  });

  it('are made, changed and removed by the operator', async () => {
    expect((await call('PUT', '/nightly', NIGHTLY)).status).toBe(201);
    expect(await json(call('PUT', '/nightly', NIGHTLY))).toEqual({ id: 'nightly', status: 'unchanged' });
    expect(await json(call('PUT', '/nightly', { ...NIGHTLY, policy: 'all' }))).toMatchObject({
      status: 'changed',
    });
    expect((await call('DELETE', '/nightly')).status).toBe(200);
    expect((await call('DELETE', '/nightly')).status).toBe(404);
    expect((await call('DELETE', '/reconcile')).status).toBe(409);
    expect((await call('PUT', '/reconcile', NIGHTLY)).status).toBe(409);
  });

  it('that make no sense are refused with the way out', async () => {
    const wrong: [Record<string, unknown>, RegExp][] = [
      [{ ...NIGHTLY, cron: 'daily' }, /as in/],
      [{ ...NIGHTLY, timeZone: 'Berlin' }, /Europe\/Berlin/],
      [{ ...NIGHTLY, cron: '0 0 30 2 *' }, /never due/],
      [{ ...NIGHTLY, policy: 'none' }, /policy/],
      [{ ...NIGHTLY, task: { kind: 'agent', prompt: 'look' } }, /name the group/],
      [{ ...NIGHTLY, group: 'nobody' }, /there is cody, ryan/],
      [{ ...NIGHTLY, surprise: 1 }, /surprise/],
    ];
    for (const [body, detail] of wrong) {
      const answer = await call('PUT', '/wrong', body);
      expect(answer.status).toBe(400);
      expect(((await answer.json()) as { detail: string }).detail).toMatch(detail);
    }
    expect((await call('PUT', '/Wrong_Id', NIGHTLY)).status).toBe(400);
  });

  it('run now, once per key, and say that there was nothing to do', async () => {
    await call('PUT', '/now', NIGHTLY);
    const keyed = { 'idempotency-key': 'k1' };
    expect(await json(call('POST', '/now/run', undefined, keyed))).toMatchObject({
      firing: 'now:run:k1',
      status: 'going',
    });
    expect(await json(call('POST', '/now/run', undefined, keyed))).toMatchObject({ status: 'duplicate' });
    expect(await settled('now')).toMatchObject({
      status: 'nothing',
      cause: 'run',
      note: expect.stringContaining('0 branches'),
    });
    expect((await show('now')).lastResult).toMatchObject({ status: 'nothing' });
    expect((await call('POST', '/none/run')).status).toBe(404);
  });

  it('pause and resume', async () => {
    await call('PUT', '/pausing', NIGHTLY);
    expect((await call('POST', '/pausing/pause')).status).toBe(200);
    expect(await show('pausing')).toMatchObject({ paused: true, nextRuns: [] });
    expect((await call('POST', '/pausing/resume')).status).toBe(200);
    expect((await show('pausing')).nextRuns).toHaveLength(5);
    expect((await call('POST', '/none/pause')).status).toBe(404);
  });

  it('ask an agent: an incident of the task loop takes the firing over', async () => {
    const task = { kind: 'agent', prompt: 'Look at the build agent.', priority: 1 };
    await call('PUT', '/ask', { ...NIGHTLY, group: 'ryan', task });
    await call('POST', '/ask/run');
    const firing = await until(async () => (await show('ask')).firings.find(({ target }) => target !== null));
    expect(firing.target).toMatch(/^inc_/);
    const incident = await until(() =>
      env.DB.prepare('SELECT * FROM incidents WHERE id = ?').bind(firing.target).first<{ title: string }>(),
    );
    expect(incident.title).toBe('ryan: schedule ask');
  });
});

describe('the trigger of a schedule', () => {
  const fire = (id: string, token: string, body?: string, headers: Record<string, string> = {}) =>
    SELF.fetch(`https://dogwatch.test/api/schedules/${id}/fire`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, ...headers },
      ...(body === undefined ? {} : { body }),
    });
  const tokenOf = async (id: string) => {
    await call('PUT', `/${id}`, NIGHTLY);
    return (await json<{ token: string }>(call('POST', `/${id}/token`))).token;
  };

  it('takes its own token, once per key', async () => {
    const token = await tokenOf('triggered');
    const key = { 'idempotency-key': 'build-7' };
    const first = await fire('triggered', token, '{"text":"build 7"}', key);
    expect(first.status).toBe(202);
    expect(await first.json()).toEqual({
      schedule: 'triggered',
      firing: 'triggered:fire:build-7',
      status: 'going',
    });
    expect(await (await fire('triggered', token, '{"text":"build 7"}', key)).json()).toMatchObject({
      status: 'duplicate',
    });
    expect((await fire('triggered', token, '{"text":"build 8"}', key)).status).toBe(422);
    await settled('triggered');
    expect((await fire('triggered', token)).status).toBe(202);
  });

  it('tells nobody without the right token which schedules there are, and audits each try', async () => {
    const token = await tokenOf('guarded');
    await call('PUT', '/tokenless', NIGHTLY);
    const other = await tokenOf('other');
    const answers = await Promise.all([
      fire('guarded', other),
      fire('guarded', 'nonsense'),
      fire('tokenless', token),
      fire('no-such-schedule', token),
      fire('operators', 'operator-token'),
    ]);
    const bodies = await Promise.all(answers.map((answer) => answer.text()));
    expect(answers.map(({ status }) => status)).toEqual([401, 401, 401, 401, 401]);
    expect(new Set(bodies).size).toBe(1);
    const rows = await until(async () => {
      const { results } = await env.DB.prepare(
        `SELECT data FROM audit WHERE action = 'schedule_unauthorized'`,
      ).all<{ data: string }>();
      return results.length >= 5 && results;
    });
    expect(JSON.stringify(rows)).not.toContain(token);
  });

  it('voids an older token when a new one is issued, and keeps neither', async () => {
    const old = await tokenOf('rotated');
    const { token } = await json<{ token: string }>(call('POST', '/rotated/token'));
    expect((await fire('rotated', old)).status).toBe(401);
    expect((await fire('rotated', token)).status).toBe(202);
    const all = JSON.stringify([await show('rotated'), await schedulerStub(env).tokenOf('rotated')]);
    expect(all).not.toContain(token);
    expect((await call('POST', '/none/token')).status).toBe(404);
  });

  it('is refused with a reason while paused, and for too much text', async () => {
    const token = await tokenOf('strict');
    expect((await fire('strict', token, JSON.stringify({ text: 'x'.repeat(4_001) }))).status).toBe(400);
    expect((await fire('strict', token, JSON.stringify({ text: 'x'.repeat(40_000) }))).status).toBe(413);
    expect((await fire('strict', token, 'text')).status).toBe(400);
    expect((await fire('strict', token, undefined, { 'idempotency-key': 'a b' })).status).toBe(400);
    await call('POST', '/strict/pause');
    expect((await fire('strict', token)).status).toBe(409);
  });
});
