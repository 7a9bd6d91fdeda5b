import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createRedactor } from '../logger.ts';
import { createHost, tempFolder, WorkingCopy } from '../testing/repositories.ts';
import { RemoteError, Remotes } from './remote.ts';

const PAT = 'pat-that-must-not-travel';
const BASIC = `Basic ${Buffer.from(`:${PAT}`).toString('base64')}`;
const NAME = { project: 'shop', repository: 'parcel-rates' };

let folder: ReturnType<typeof tempFolder>;
let servers: Server[];
beforeEach(() => {
  folder = tempFolder();
  servers = [];
});
afterEach(() => {
  for (const server of servers) server.close();
  folder.remove();
});

async function serve(answer: (location: string) => [number, Record<string, string>]) {
  const seen: (string | undefined)[] = [];
  const server = createServer((request, response) => {
    seen.push(request.headers.authorization);
    response.writeHead(...answer(request.url ?? '')).end();
  });
  servers.push(server);
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, seen };
}

const remotes = (url: string) =>
  new Remotes({ url, pat: PAT, folder: join(folder.path, 'mirrors'), redact: createRedactor([PAT]) });

describe('the PAT', () => {
  test('goes to the configured address, is told in no error, and follows no redirect', async () => {
    const elsewhere = await serve(() => [401, {}]);
    const host = await serve((path) => [302, { location: `${elsewhere.url}${path}` }]);
    const failure = remotes(host.url).refresh(NAME);
    await expect(failure).rejects.toThrow(RemoteError);
    await expect(failure).rejects.not.toThrow(PAT);
    expect(host.seen[0]).toBe(BASIC);
    expect(elsewhere.seen).toEqual([]);
  });

  test('stands on no command line', async () => {
    const host = await serve(() => [401, {}]);
    const bin = join(folder.path, 'git');
    const log = join(folder.path, 'argv');
    const real = process.env.PATH;
    writeFileSync(bin, `#!/bin/sh\necho "$@" >> ${log}\nPATH='${real}' exec git "$@"\n`);
    chmodSync(bin, 0o755);
    try {
      process.env.PATH = `${folder.path}:${real}`;
      await remotes(host.url)
        .currentCommit(NAME, 'refs/heads/x')
        .catch(() => {});
      await remotes(host.url)
        .refresh(NAME)
        .catch(() => {});
    } finally {
      process.env.PATH = real;
    }
    const argv = readFileSync(log, 'utf8');
    expect(argv).toContain('ls-remote');
    expect(argv).not.toContain(PAT);
    expect(argv).not.toContain(BASIC);
    expect(host.seen).toContain(BASIC);
  });
});

describe('a push', () => {
  test('moves a ref only from exactly what was expected', async () => {
    const working = new WorkingCopy(join(folder.path, 'work'));
    const one = working.commit({ a: '1' });
    const { url, bare } = createHost(folder.path, working);
    const two = working.commit({ a: '2' });
    const three = working.commit({ a: '3' });
    const remote = new Remotes({
      url,
      pat: null,
      folder: join(folder.path, 'mirrors'),
      redact: (text) => text,
    });
    const ref = 'refs/heads/fix/x';
    const push = async (expected: string | null, commit: string) =>
      (await remote.push(NAME, join(working.path, '.git'), { ref, expected, commit })).ok;
    expect(await push(one, two)).toBe(false);
    expect(await push(null, two)).toBe(true);
    expect(await push(null, three)).toBe(false);
    expect(await push(one, three)).toBe(false);
    expect(await push(two, three)).toBe(true);
    expect(await remote.currentCommit(NAME, ref)).toBe(three);
    expect(await remote.currentCommit(NAME, 'refs/heads/none')).toBeNull();
    expect(await remote.defaultBranch(NAME)).toBe('refs/heads/main');
    expect(working.git('ls-remote', bare, ref)).toContain(three);
  });
});
