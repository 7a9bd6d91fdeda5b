import { afterEach, describe, expect, it } from 'vitest';
import { jsonReply, startTwinServer, type TwinServer } from './twin-server.ts';

let server: TwinServer;
afterEach(() => server.close());

async function start(): Promise<string[]> {
  const handled: string[] = [];
  server = await startTwinServer({
    handle: async (request) => {
      handled.push(request.path);
      return jsonReply(200, { echo: await request.json() });
    },
    redactPath: (path) => path.replace(/secret/, '***'),
  });
  return handled;
}

describe('the server under a twin', () => {
  it('logs each request with its status and hides what the twin calls secret', async () => {
    await start();
    await fetch(`${server.url}/secret/a?b=1`, { method: 'POST', body: '{"x":1}' });
    const log = (await (await fetch(`${server.url}/__twin/requests`)).json()) as Record<string, unknown>[];
    expect(log).toHaveLength(1);
    expect(log[0]).toMatchObject({ seq: 1, method: 'POST', path: '/***/a', query: '?b=1', status: 200 });
  });

  it('answers a fault as often as asked, on matching paths only', async () => {
    const handled = await start();
    const fault = { path: '^/a', status: 429, retryAfterSeconds: 7, times: 2 };
    await fetch(`${server.url}/__twin/faults`, { method: 'POST', body: JSON.stringify(fault) });
    const statuses: number[] = [];
    for (const path of ['/b', '/a', '/a', '/a']) statuses.push((await fetch(server.url + path)).status);
    expect(statuses).toEqual([200, 429, 429, 200]);
    expect(handled).toEqual(['/b', '/a']);
  });

  it('can do the work and then lose the connection', async () => {
    const handled = await start();
    server.faults.add({ drop: 'after' });
    await expect(fetch(`${server.url}/sent`)).rejects.toThrow();
    expect(handled).toEqual(['/sent']);
  });

  it('answers a body that is no JSON with 400', async () => {
    await start();
    expect((await fetch(`${server.url}/a`, { method: 'POST', body: '{' })).status).toBe(400);
  });
});
