/**
 * Git's smart HTTP protocol at `/{organisation}/{project}/_git/{repository}`, served by the real
 * `git http-backend` as a CGI program. After a push the refs are compared with what they were before.
 */
import { spawn } from 'node:child_process';
import { chmod, writeFile } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { dirname, join } from 'node:path';
import type { TwinRequest } from '../shared/twin-server.ts';
import { gitEnvironment, listRefs, zeroObjectId } from './git.ts';
import { type RefUpdate, type Repository, type Role, withRepositoryLock } from './world.ts';

export type GitHttpDeps = {
  /** Called under the repository's lock, before the client hears that its push went well. */
  onPush(repository: Repository, updates: RefUpdate[], role: Role): Promise<void>;
};

export const protectedBranchMessage =
  'TF402455: Pushes to this branch are not permitted; you must use a pull request to update this branch.';

/** A script that Git runs per pushed ref: it refuses the protected branch to everybody but the developer. */
export async function installPushPolicy(repository: Repository): Promise<void> {
  const hook = join(repository.gitDir, 'hooks', 'update');
  const script = [
    '#!/bin/sh',
    'case "$1" in refs/pull/*) echo "TF401035: The reference $1 is managed by the service." >&2; exit 1;; esac',
    'if [ "$TWIN_ROLE" = developer ] || [ "$1" != "$TWIN_PROTECTED_REF" ]; then exit 0; fi',
    `echo "${protectedBranchMessage}" >&2`,
    'exit 1',
    '',
  ].join('\n');
  await writeFile(hook, script);
  await chmod(hook, 0o755);
}

/** `pathInfo` is what follows the repository's name, such as `/info/refs`. */
export async function serveGit(
  request: TwinRequest,
  response: ServerResponse,
  repository: Repository,
  pathInfo: string,
  role: Role,
  deps: GitHttpDeps,
): Promise<void> {
  const body = await request.body();
  const isPush = pathInfo === '/git-receive-pack';
  const work = async (): Promise<void> => {
    const before = isPush ? await listRefs(repository.gitDir) : undefined;
    const answer = await runBackend(request, body, repository, pathInfo, role);
    if (before) {
      const updates = compareRefs(before, await listRefs(repository.gitDir));
      if (updates.length > 0) await deps.onPush(repository, updates, role);
    }
    response.writeHead(answer.status, answer.headers);
    response.end(answer.body);
  };
  await (isPush ? withRepositoryLock(repository, work) : work());
}

export function compareRefs(before: Map<string, string>, after: Map<string, string>): RefUpdate[] {
  const names = [...new Set([...before.keys(), ...after.keys()])].sort();
  return names
    .map((name) => ({
      name,
      oldObjectId: before.get(name) ?? zeroObjectId,
      newObjectId: after.get(name) ?? zeroObjectId,
    }))
    .filter((update) => update.oldObjectId !== update.newObjectId);
}

type CgiAnswer = { status: number; headers: Record<string, string>; body: Buffer };

function runBackend(
  request: TwinRequest,
  body: Buffer,
  repository: Repository,
  pathInfo: string,
  role: Role,
): Promise<CgiAnswer> {
  const header = (name: string): string => String(request.headers[name] ?? '');
  const env = gitEnvironment({
    GIT_PROJECT_ROOT: dirname(repository.gitDir),
    GIT_HTTP_EXPORT_ALL: '1',
    PATH_INFO: `/${repository.gitDir.slice(dirname(repository.gitDir).length + 1)}${pathInfo}`,
    REQUEST_METHOD: request.method,
    QUERY_STRING: request.url.search.slice(1),
    CONTENT_TYPE: header('content-type'),
    CONTENT_LENGTH: String(body.length),
    HTTP_CONTENT_ENCODING: header('content-encoding'),
    GIT_PROTOCOL: header('git-protocol'),
    REMOTE_USER: role,
    REMOTE_ADDR: '127.0.0.1',
    TWIN_ROLE: role,
    TWIN_PROTECTED_REF: repository.defaultBranch,
  });
  return new Promise((resolve, reject) => {
    const child = spawn('git', ['http-backend'], { env, stdio: ['pipe', 'pipe', 'ignore'] });
    const chunks: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
    child.stdin.on('error', () => undefined);
    child.on('error', reject);
    child.on('close', () => resolve(parseCgi(Buffer.concat(chunks))));
    child.stdin.end(body);
  });
}

function parseCgi(output: Buffer): CgiAnswer {
  const end = output.indexOf('\r\n\r\n');
  if (end === -1) return { status: 500, headers: {}, body: Buffer.alloc(0) };
  const headers: Record<string, string> = {};
  let status = 200;
  for (const line of output.subarray(0, end).toString('latin1').split('\r\n')) {
    const colon = line.indexOf(':');
    const name = line.slice(0, colon).toLowerCase();
    const value = line.slice(colon + 1).trim();
    if (name === 'status') status = Number.parseInt(value, 10);
    else headers[name] = value;
  }
  const body = output.subarray(end + 4);
  return { status, headers: { ...headers, 'content-length': String(body.length) }, body };
}
