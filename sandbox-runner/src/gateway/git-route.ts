import type { IncomingMessage, ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { joinUrl, openUpstream, pick } from './upstream.ts';

export interface GitRouteOptions {
  /** The organisation: `https://dev.azure.com/acme`, or a server's collection. */
  azureDevopsUrl: string;
  /** Null: the server asks for none. */
  pat: string | null;
  repository: { project: string; repository: string };
}

/** Fetching of one repository; the upstream path is made from the run's own names, never from the request. */
export async function handleGit(
  options: GitRouteOptions,
  service: 'advertise' | 'upload-pack',
  incoming: IncomingMessage,
  answer: ServerResponse,
): Promise<void> {
  const { project, repository } = options.repository;
  const root = `/${encodeURIComponent(project)}/_git/${encodeURIComponent(repository)}`;
  const url =
    service === 'advertise'
      ? joinUrl(options.azureDevopsUrl, `${root}/info/refs`, 'service=git-upload-pack')
      : joinUrl(options.azureDevopsUrl, `${root}/git-upload-pack`);
  const abort = new AbortController();
  answer.on('close', () => abort.abort());
  const reply = await openUpstream(
    url,
    service === 'advertise' ? 'GET' : 'POST',
    {
      ...pick(incoming.headers, [
        'accept',
        'git-protocol',
        'content-type',
        'content-encoding',
        'content-length',
      ]),
      ...(options.pat === null
        ? {}
        : { authorization: `Basic ${Buffer.from(`:${options.pat}`).toString('base64')}` }),
    },
    service === 'advertise' ? null : incoming,
    abort.signal,
  );
  const status = reply.statusCode ?? 502;
  if (status !== 200) {
    reply.destroy();
    answer.writeHead(status >= 400 ? status : 502, { 'content-type': 'text/plain' });
    answer.end(`The repository's server answered ${status}.\n`);
    return;
  }
  answer.writeHead(200, pick(reply.headers, ['content-type', 'content-encoding', 'cache-control']));
  await pipeline(reply, answer);
}
