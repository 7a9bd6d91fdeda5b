import { execFileSync, spawn } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

/** A repository served by `git http-backend` under the paths of Azure Repos, with the commits given. */
export async function fakeGitServer(project: string, repository: string, commits: Record<string, string>[]) {
  const folder = await mkdtemp(join(tmpdir(), 'dogwatch-git-'));
  const bare = join(folder, project, '_git', repository);
  const work = join(folder, 'work');
  await mkdir(dirname(bare), { recursive: true });
  const git = (cwd: string, ...args: string[]) =>
    execFileSync('git', ['-c', 'user.name=Test', '-c', 'user.email=test@localhost', ...args], {
      cwd,
      encoding: 'utf8',
    }).trim();
  git(folder, 'init', '-q', '--bare', '-b', 'main', bare);
  git(folder, 'init', '-q', '-b', 'main', work);
  const ids: string[] = [];
  for (const [index, files] of commits.entries()) {
    for (const [path, text] of Object.entries(files)) {
      await mkdir(dirname(join(work, path)), { recursive: true });
      await writeFile(join(work, path), text);
    }
    git(work, 'add', '-A');
    git(work, 'commit', '-q', '-m', `commit ${index + 1}`);
    ids.push(git(work, 'rev-parse', 'HEAD'));
  }
  git(work, 'push', '-q', bare, 'main');

  const seen: { path: string; headers: IncomingHttpHeaders }[] = [];
  const server = createServer((incoming, answer) => {
    seen.push({ path: incoming.url ?? '', headers: incoming.headers });
    const url = new URL(incoming.url ?? '/', 'http://localhost');
    const child = spawn('git', ['http-backend'], {
      env: {
        PATH: process.env.PATH ?? '',
        GIT_PROJECT_ROOT: folder,
        GIT_HTTP_EXPORT_ALL: '1',
        PATH_INFO: decodeURIComponent(url.pathname),
        QUERY_STRING: url.search.slice(1),
        REQUEST_METHOD: incoming.method ?? 'GET',
        CONTENT_TYPE: incoming.headers['content-type'] ?? '',
        HTTP_CONTENT_ENCODING: incoming.headers['content-encoding'] ?? '',
        GIT_PROTOCOL: incoming.headers['git-protocol']?.toString() ?? '',
      },
    });
    incoming.pipe(child.stdin);
    const chunks: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
    child.on('close', () => {
      const output = Buffer.concat(chunks);
      const end = output.indexOf('\r\n\r\n');
      const headers = Object.fromEntries(
        output
          .subarray(0, end)
          .toString('utf8')
          .split('\r\n')
          .map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1).trim()]),
      );
      answer.writeHead(Number.parseInt(headers.Status ?? '200', 10), headers);
      answer.end(output.subarray(end + 4));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    bare,
    commits: ids,
    seen,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await rm(folder, { recursive: true, force: true });
    },
  };
}
