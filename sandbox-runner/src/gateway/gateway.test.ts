import { createServer, type IncomingHttpHeaders, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import type { Usage } from '../../../core/contracts/usage.ts';
import { type Gateway, type GatewaySettings, openGateway } from './gateway.ts';
import { lockedPackages } from './npm-lock.ts';
import { fakeMessagesApi } from './testing/fake-messages-api.ts';

const KEY = 'sk-canary';
const LOCK = JSON.stringify({ packages: { 'node_modules/ms': { version: '1.0.0' } } });
const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function upstream(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closing.push(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function gatewayTo(
  anthropicBaseUrl: string,
  over: { budgetUsd?: number } = {},
  settings: Partial<GatewaySettings> = {},
) {
  const usage: Usage[] = [];
  let spent = 0;
  const gateway: Gateway = await openGateway(
    '127.0.0.1',
    {
      anthropicBaseUrl,
      anthropicApiKey: KEY,
      auxiliaryModel: 'haiku',
      maxOutputTokens: 1_000,
      azureDevopsUrl: anthropicBaseUrl,
      azureDevopsPat: 'pat',
      azureDevopsBuildPat: null,
      githubUrl: anthropicBaseUrl,
      githubToken: null,
      statusUrl: null,
      dozzleUrl: null,
      dozzleAuthorization: null,
      dnsServers: [],
      npmRegistryUrl: anthropicBaseUrl,
      costMicroUsd: () => 600_000,
      ...settings,
    },
    {
      routes: ['anthropic', 'npm', 'status-page', 'dozzle'],
      repository: null,
      tools: null,
      model: 'opus',
      budgetUsd: over.budgetUsd ?? 10,
      doors: null,
      locked: async () => lockedPackages([LOCK]),
      onUsage: (each) => usage.push(each),
      onBudgetSpent: () => spent++,
    },
    () => undefined,
  );
  closing.push(gateway.close);
  return { gateway, usage, spent: () => spent };
}

const ask = (gateway: Gateway, body: object = {}, headers: Record<string, string> = {}) =>
  fetch(`${gateway.url}/anthropic/v1/messages`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      'x-api-key': 'from-the-container',
      authorization: 'Bearer x',
      ...headers,
    },
    body: JSON.stringify({
      model: 'opus',
      max_tokens: 10,
      messages: [{ role: 'user', content: 'hi' }],
      ...body,
    }),
    redirect: 'manual',
  });

describe('the model door', () => {
  it.each([true, false])(
    'adds the key, drops what the container sent, counts the reply (stream %s)',
    async (stream) => {
      const api = await fakeMessagesApi([{ say: 'hello' }], 'opus');
      closing.push(api.close);
      const { gateway, usage } = await gatewayTo(api.url);
      const reply = await ask(
        gateway,
        { stream },
        { 'anthropic-beta': 'mcp-client-2025-04-04,effort-2025-11-24' },
      );
      expect(reply.status).toBe(200);
      expect(await reply.text()).toContain('ok');
      const headers = api.seen[0]?.headers;
      expect(headers).toMatchObject({ 'x-api-key': KEY, 'anthropic-beta': 'effort-2025-11-24' });
      expect(headers?.authorization).toBeUndefined();
      expect(usage).toMatchObject([
        {
          requestId: 'req_1',
          model: 'opus',
          inputTokens: 100,
          outputTokens: 20,
          cacheWrite5mTokens: 30,
          cacheReadTokens: 40,
        },
      ]);
    },
  );

  it('answers nothing more once the budget is spent', async () => {
    const api = await fakeMessagesApi([{ say: 'hello' }], 'opus');
    closing.push(api.close);
    const { gateway, spent } = await gatewayTo(api.url, { budgetUsd: 1 });
    expect(await Promise.all([(await ask(gateway)).status, (await ask(gateway)).status])).toEqual([200, 200]);
    const third = await ask(gateway);
    expect(third.status).toBe(429);
    expect(third.headers.get('x-should-retry')).toBe('false');
    expect(spent()).toBe(1);
    expect(api.seen).toHaveLength(2);
  });

  it('does not let an answer tell the key, nor follow a redirect with it', async () => {
    const seen: IncomingHttpHeaders[] = [];
    const elsewhere = await upstream((incoming, answer) => {
      seen.push(incoming.headers);
      answer.end();
    });
    const echo = await upstream((incoming, answer) => {
      if (incoming.headers['anthropic-version'] === 'redirect')
        answer.writeHead(307, { location: elsewhere });
      else answer.writeHead(401, { 'x-echo': String(incoming.headers['x-api-key']) });
      answer.end(JSON.stringify(incoming.headers));
    });
    const { gateway } = await gatewayTo(echo);
    const error = await ask(gateway);
    expect(error.status).toBe(401);
    expect(JSON.stringify([...error.headers]) + (await error.text())).not.toContain(KEY);
    const redirect = await ask(gateway, {}, { 'anthropic-version': 'redirect' });
    expect(redirect.status).toBe(502);
    expect(await redirect.text()).not.toContain(KEY);
    expect(seen).toEqual([]);
  });

  it('says that the provider does not answer, and logs each request', async () => {
    const { gateway } = await gatewayTo('http://127.0.0.1:1');
    expect((await ask(gateway)).status).toBe(502);
    expect((await fetch(`${gateway.url}/elsewhere`)).status).toBe(404);
    expect(gateway.requests()).toMatchObject([
      { method: 'POST', path: '/anthropic/v1/messages', status: 502 },
      { method: 'GET', path: '/elsewhere', status: 404 },
    ]);
  });
});

describe('the doors to the dashboard and the status page', () => {
  const password = 'hunter2-hunter2';
  const dozzleAuthorization = `Basic ${Buffer.from(`sam:${password}`).toString('base64')}`;

  it('read the beginning of what has no end, with the credential and without telling it', async () => {
    const heard: (string | undefined)[] = [];
    const dozzleUrl = await upstream((incoming, answer) => {
      heard.push(incoming.headers.authorization);
      answer.writeHead(200, { 'content-type': 'text/event-stream' });
      answer.write(`event: containers-changed\ndata: ${incoming.headers.authorization} ${password}\n\n`);
      answer.write('x'.repeat(2 * 1024 * 1024));
    });
    const { gateway } = await gatewayTo(dozzleUrl, {}, { dozzleUrl, dozzleAuthorization });
    const reply = await fetch(`${gateway.url}/dozzle/api/events/stream`);
    const text = await reply.text();
    expect(text).toMatch(/^event: containers-changed\ndata: Basic \[redacted\] \[redacted\]\n/);
    expect(heard).toEqual([dozzleAuthorization]);
  });

  it('carry no credential to the status page, and follow it nowhere', async () => {
    const seen: IncomingHttpHeaders[] = [];
    const statusUrl = await upstream((incoming, answer) => {
      seen.push(incoming.headers);
      if (seen.length > 1) answer.writeHead(302, { location: 'http://127.0.0.1:1/' });
      answer.end('all well');
    });
    const { gateway } = await gatewayTo(statusUrl, {}, { statusUrl, dozzleAuthorization });
    const ask = () =>
      fetch(`${gateway.url}/status-page`, {
        redirect: 'manual',
        headers: { authorization: 'x', cookie: 'y' },
      });
    expect(await (await ask()).text()).toBe('all well');
    expect((await ask()).status).toBe(502);
    expect(seen.map(({ authorization, cookie }) => [authorization, cookie])).toEqual([
      [undefined, undefined],
      [undefined, undefined],
    ]);
  });

  it('say what is not set', async () => {
    const { gateway } = await gatewayTo('http://127.0.0.1:1');
    const reply = await fetch(`${gateway.url}/status-page`);
    expect([reply.status, await reply.text()]).toEqual([
      503,
      'This runner knows no status page: STATUS_URL is not set.\n',
    ]);
  });
});

it('gives package documents with archives that lie behind the gateway', async () => {
  const registry = await upstream((incoming, answer) => {
    if (incoming.url === '/ms/-/ms-1.0.0.tgz') return answer.end('archive');
    const tarball = `http://${incoming.headers.host}/ms/-/ms-1.0.0.tgz`;
    answer.end(JSON.stringify({ name: 'ms', versions: { '1.0.0': { name: 'ms', dist: { tarball } } } }));
  });
  const { gateway } = await gatewayTo(registry);
  const document = (await (await fetch(`${gateway.url}/npm/ms`)).json()) as {
    versions: { '1.0.0': { dist: { tarball: string } } };
  };
  const { tarball } = document.versions['1.0.0'].dist;
  expect(tarball).toBe(`${gateway.url}/npm/ms/-/ms-1.0.0.tgz`);
  expect(await (await fetch(tarball)).text()).toBe('archive');
});
