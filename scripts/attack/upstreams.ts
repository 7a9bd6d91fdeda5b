import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type RequestListener,
  request,
} from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Seen {
  service: string;
  method: string;
  url: string;
  headers: IncomingHttpHeaders;
  /** Of model requests; elsewhere empty. */
  body: string;
}

/** What stands behind the gateway: model, code hosts, registry, dashboards, and the place that redirects point at. */
export interface Upstreams {
  anthropic: string;
  azureDevops: string;
  github: string;
  registry: string;
  dozzle: string;
  statusPage: string;
  seen: Seen[];
  close(): Promise<void>;
}

/** Words in a request that make the model's stand-in answer in a special way; else it says nothing. */
export const ASK = { ok: 'PROBE-OK', error: 'PROBE-ERROR', redirect: 'PROBE-REDIRECT' };

async function open(listener: RequestListener): Promise<{ url: string; close: () => Promise<void> }> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** `gitUrl` serves the repository; all else is made up here. */
export async function openUpstreams(gitUrl: string): Promise<Upstreams> {
  const seen: Seen[] = [];
  const note = (service: string, { method = '', url = '', headers }: IncomingMessage) => {
    const entry = { service, method, url, headers, body: '' };
    seen.push(entry);
    return entry;
  };
  const json = (answer: Parameters<RequestListener>[1], status: number, value: unknown, headers = {}) => {
    answer.writeHead(status, { 'content-type': 'application/json', ...headers });
    answer.end(JSON.stringify(value));
  };

  const elsewhere = await open((incoming, answer) => {
    note('elsewhere', incoming);
    json(answer, 200, { elsewhere: true });
  });
  const anthropic = await open(async (incoming, answer) => {
    const entry = note('anthropic', incoming);
    for await (const chunk of incoming) entry.body += String(chunk);
    const { body } = entry;
    if (body.includes(ASK.redirect)) return json(answer, 307, {}, { location: `${elsewhere.url}/model` });
    if (body.includes(ASK.error)) {
      const echo = JSON.stringify(incoming.headers);
      return json(
        answer,
        401,
        { echo, base64: Buffer.from(echo).toString('base64') },
        { 'x-echo': String(incoming.headers['x-api-key']) },
      );
    }
    if (body.includes(ASK.ok)) {
      const usage = { input_tokens: 1, output_tokens: 1 };
      return json(answer, 200, { id: 'msg_1', type: 'message', model: 'probe', content: [], usage });
    }
    // The session of the cell waits here for as long as the battery lasts.
  });
  const api =
    (service: string): RequestListener =>
    (incoming, answer) => {
      note(service, incoming);
      if (incoming.url?.includes('redirect'))
        return json(answer, 302, {}, { location: `${elsewhere.url}/${service}` });
      if (incoming.url?.includes('999')) return json(answer, 500, { echo: incoming.headers });
      json(answer, 200, { id: 7, echo: incoming.headers });
    };
  const answerApi = api('azure-devops');
  const azureDevops = await open((incoming, answer) => {
    if (!/\/_git\/[^/]+\/(?:info\/refs\?service=git-upload-pack|git-upload-pack)$/.test(incoming.url ?? ''))
      return answerApi(incoming, answer);
    note('git', incoming);
    const { method, headers } = incoming;
    const onward = request(
      `${gitUrl}${incoming.url}`,
      { ...(method ? { method } : {}), headers },
      (reply) => {
        answer.writeHead(reply.statusCode ?? 502, reply.headers);
        reply.pipe(answer);
      },
    );
    incoming.pipe(onward);
  });
  const github = await open(api('github'));
  const dozzle = await open((incoming, answer) => {
    if (!incoming.url?.startsWith('/api/events/stream')) return api('dozzle')(incoming, answer);
    note('dozzle', incoming);
    // A stream that never ends.
    answer.writeHead(200, { 'content-type': 'text/event-stream' });
    answer.write(`event: containers-changed\ndata: ${JSON.stringify({ echo: incoming.headers })}\n\n`);
  });
  const statusPage = await open(api('status-page'));
  const registry = await open((incoming, answer) => {
    note('registry', incoming);
    const [, name = ''] = (incoming.url ?? '').split('/');
    if (incoming.url?.includes('redirected'))
      return json(answer, 302, {}, { location: `${elsewhere.url}/registry` });
    if (incoming.url?.endsWith('.tgz')) return void answer.end('archive');
    const version = (number: string) => ({
      name,
      version: number,
      dist: { tarball: `http://${incoming.headers.host}/${name}/-/${name}-${number}.tgz` },
    });
    json(answer, 200, {
      name,
      'dist-tags': { latest: '9.9.9' },
      versions: { '1.0.0': version('1.0.0'), '9.9.9': version('9.9.9') },
    });
  });
  return {
    anthropic: anthropic.url,
    azureDevops: azureDevops.url,
    github: github.url,
    registry: registry.url,
    dozzle: dozzle.url,
    statusPage: statusPage.url,
    seen,
    async close() {
      for (const each of [anthropic, azureDevops, github, registry, dozzle, statusPage, elsewhere])
        await each.close();
    },
  };
}
