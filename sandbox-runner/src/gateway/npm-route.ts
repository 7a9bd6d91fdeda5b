import type { IncomingMessage, ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { type LockedPackages, withLockedVersions } from './npm-lock.ts';
import { rewritePackument } from './packument.ts';
import { joinUrl, openUpstream, pick, readBody } from './upstream.ts';

/** The largest package documents (complete ones, of packages with thousands of versions) are near 100 MB. */
const MAX_PACKUMENT_BYTES = 128 * 1024 * 1024;

/** The package that a path of the registry is about, and the version where one is named. */
function packageOf(path: string): { name: string; version: string | null } {
  const [first = '', second, third] = decodeURIComponent(path).split('/').slice(1);
  return first.startsWith('@')
    ? { name: `${first}/${second}`, version: third ?? null }
    : { name: first, version: second ?? null };
}

function isLocked(route: { path: string; file: 'packument' | 'tarball' }, locked: LockedPackages): boolean {
  if (route.file === 'tarball') return locked.hasArchive(decodeURIComponent(route.path));
  const { name, version } = packageOf(route.path);
  const versions = locked.versionsOf(name);
  return version === null ? versions.size > 0 : versions.has(version);
}

/** GET of what the lock file names in the registry. `ownUrl` is this route as the container sees it, e.g. `http://10.213.0.1:4000/npm/`. */
export async function handleNpm(
  options: { registryUrl: string; ownUrl: string; locked: () => Promise<LockedPackages> },
  route: { path: string; file: 'packument' | 'tarball' },
  incoming: IncomingMessage,
  answer: ServerResponse,
): Promise<void> {
  const locked = await options.locked();
  if (!isLocked(route, locked)) {
    answer.writeHead(403, { 'content-type': 'text/plain' });
    answer.end(
      'The lock file of this repository does not name this package in this version. A new dependency needs approval.\n',
    );
    return;
  }
  const abort = new AbortController();
  answer.on('close', () => abort.abort());
  const reply = await openUpstream(
    joinUrl(options.registryUrl, route.path),
    incoming.method ?? 'GET',
    { ...pick(incoming.headers, ['accept', 'user-agent']), 'accept-encoding': 'identity' },
    null,
    abort.signal,
  );
  const status = reply.statusCode ?? 502;
  if (status !== 200) {
    reply.destroy();
    answer.writeHead(status >= 400 ? status : 502, { 'content-type': 'text/plain' });
    answer.end(`The package registry answered ${status}.\n`);
    return;
  }
  if (route.file === 'tarball' || incoming.method === 'HEAD') {
    answer.writeHead(200, pick(reply.headers, ['content-type', 'content-length']));
    await pipeline(reply, answer);
    return;
  }
  const body = await readBody(reply, MAX_PACKUMENT_BYTES);
  if (body === null) {
    answer.writeHead(502, { 'content-type': 'text/plain' });
    answer.end('The package document is too large.\n');
    return;
  }
  const document = withLockedVersions(
    JSON.parse(body.toString('utf8')),
    locked.versionsOf(packageOf(route.path).name),
  );
  const rewritten = rewritePackument(document, {
    url: options.registryUrl,
    replacement: options.ownUrl,
  });
  answer.writeHead(200, pick(reply.headers, ['content-type']));
  answer.end(JSON.stringify(rewritten));
}
