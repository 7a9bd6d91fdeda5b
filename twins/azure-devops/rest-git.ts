/** REST: projects, repositories, commits, refs and items. */
import { jsonReply, type TwinReply } from '../shared/twin-server.ts';
import { invalidArgument, notFound } from './errors.ts';
import { type GitCommit, listRefs, readCommits, resolveCommit, runGit } from './git.ts';
import { commitDetailJson, commitJson, refJson } from './git-resources.ts';
import { projectJson, repositoryJson, repositoryUrl } from './resources.ts';
import { listReply } from './rest-builds.ts';
import { numberOf, queryOf, type RestCall, type Route, route } from './router.ts';
import { findRepository, type Repository, type World } from './world.ts';

export function repositoryOf(world: World, call: RestCall): Repository {
  const name = call.params.repositoryId ?? '';
  const found = findRepository(world, name);
  if (!found) throw notFound.repository(name);
  return found;
}

export function gitRoutes(world: World): Route[] {
  const base = '/git/repositories/:repositoryId';
  return [
    route('GET', '/projects', () => listReply([projectJson(world)])),
    route('GET', '/projects/:projectId', ({ params }) => {
      const wanted = params.projectId?.toLowerCase();
      if (wanted !== world.project.id && wanted !== world.project.name.toLowerCase()) {
        throw notFound.project(params.projectId ?? '');
      }
      return jsonReply(200, projectJson(world));
    }),
    route('GET', '/git/repositories', () =>
      listReply(world.repositories.map((one) => repositoryJson(world, one))),
    ),
    route('GET', base, (call) => jsonReply(200, repositoryJson(world, repositoryOf(world, call)))),
    route('GET', `${base}/commits`, (call) => listCommits(world, repositoryOf(world, call), call)),
    route('GET', `${base}/commits/:commitId`, async (call) => {
      const repository = repositoryOf(world, call);
      const commit = await commitOf(repository, call.params.commitId ?? '');
      return jsonReply(200, commitDetailJson(world, repository, commit));
    }),
    route('GET', `${base}/commits/:commitId/changes`, async (call) => {
      const repository = repositoryOf(world, call);
      const commit = await commitOf(repository, call.params.commitId ?? '');
      return jsonReply(200, await commitChanges(repository, commit));
    }),
    route('GET', `${base}/refs`, async (call) => {
      const repository = repositoryOf(world, call);
      const filter = queryOf(call.query, 'filter') ?? '';
      const contains = queryOf(call.query, 'filterContains') ?? '';
      const refs = [...(await listRefs(repository.gitDir))].filter(
        ([name]) => name.startsWith(`refs/${filter}`) && name.includes(contains),
      );
      return listReply(refs.map(([name, objectId]) => refJson(world, repository, name, objectId)));
    }),
    route('GET', `${base}/items`, (call) => readItem(world, repositoryOf(world, call), call)),
  ];
}

/** `versionDescriptor` or `searchCriteria.itemVersion`: branch by default, or commit, or tag. */
async function resolveVersion(repository: Repository, call: RestCall, prefix: string): Promise<string> {
  const version = queryOf(call.query, `${prefix}.version`) ?? queryOf(call.query, 'version');
  const type = (
    queryOf(call.query, `${prefix}.versionType`) ??
    queryOf(call.query, 'versionType') ??
    'branch'
  ).toLowerCase();
  const name =
    version === undefined
      ? repository.defaultBranch
      : type === 'commit'
        ? version
        : `refs/${type === 'tag' ? 'tags' : 'heads'}/${version.replace(/^refs\/heads\//, '')}`;
  const commit = await resolveCommit(repository.gitDir, name);
  if (!commit) throw notFound.commit(version ?? name);
  return commit;
}

async function listCommits(world: World, repository: Repository, call: RestCall): Promise<TwinReply> {
  const path = queryOf(call.query, 'searchCriteria.itemPath');
  const author = queryOf(call.query, 'searchCriteria.author');
  const top = numberOf(call.query, 'searchCriteria.$top') ?? numberOf(call.query, '$top') ?? 100;
  const skip = numberOf(call.query, 'searchCriteria.$skip') ?? numberOf(call.query, '$skip') ?? 0;
  const tip = await resolveVersion(repository, call, 'searchCriteria.itemVersion');
  const inPath = path === undefined ? undefined : await commitsTouching(repository, tip, path);
  const commits = await readCommits(repository.gitDir, [
    ...(author === undefined ? [] : [`--author=${author}`]),
    ...(inPath === undefined ? [`--max-count=${top}`, `--skip=${skip}`] : []),
    tip,
  ]);
  const wanted = inPath === undefined ? commits : commits.filter((one) => inPath.has(one.commitId));
  return listReply(wanted.slice(0, top).map((commit) => commitJson(world, repository, commit)));
}

async function commitsTouching(repository: Repository, tip: string, path: string): Promise<Set<string>> {
  const clean = path.replace(/^\//, '');
  const result = await runGit(['--git-dir', repository.gitDir, 'rev-list', tip, '--', clean]);
  return new Set(result.stdout.split('\n'));
}

async function commitOf(repository: Repository, id: string): Promise<GitCommit> {
  const commitId = /^[0-9a-f]{4,40}$/i.test(id) ? await resolveCommit(repository.gitDir, id) : undefined;
  const [commit] = commitId ? await readCommits(repository.gitDir, ['--max-count=1', commitId]) : [];
  if (!commit) throw notFound.commit(id);
  return commit;
}

async function commitChanges(repository: Repository, commit: GitCommit): Promise<Record<string, unknown>> {
  const result = await runGit([
    '--git-dir',
    repository.gitDir,
    'diff-tree',
    '--root',
    '--no-commit-id',
    '--name-status',
    '-r',
    '-m',
    '--first-parent',
    commit.commitId,
  ]);
  const types: Record<string, string> = { A: 'add', M: 'edit', D: 'delete' };
  const changes = result.stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [letter, path] = line.split('\t');
      return { item: { gitObjectType: 'blob', path: `/${path}` }, changeType: types[letter ?? ''] ?? 'edit' };
    });
  const count = (type: string): number => changes.filter((change) => change.changeType === type).length;
  return { changeCounts: { Add: count('add'), Edit: count('edit'), Delete: count('delete') }, changes };
}

/** One file: its text by default for `text/plain`, JSON with `content` where asked. */
async function readItem(world: World, repository: Repository, call: RestCall): Promise<TwinReply> {
  const path = (queryOf(call.query, 'path') ?? queryOf(call.query, 'scopePath'))?.replace(/^\/?/, '/');
  if (path === undefined) throw invalidArgument('A path is needed.');
  const commitId = await resolveVersion(repository, call, 'versionDescriptor');
  const result = await runGit(['--git-dir', repository.gitDir, 'show', `${commitId}:${path.slice(1)}`]);
  const type = await runGit([
    '--git-dir',
    repository.gitDir,
    'cat-file',
    '-t',
    `${commitId}:${path.slice(1)}`,
  ]);
  if (result.exitCode !== 0 || type.stdout.trim() !== 'blob') throw notFound.item(path);
  const wantsJson =
    queryOf(call.query, '$format') === 'json' ||
    (/application\/json/i.test(String(call.request.headers.accept ?? '')) &&
      queryOf(call.query, 'download') !== 'true');
  if (!wantsJson) {
    return {
      status: 200,
      headers: { 'content-type': 'application/octet-stream' },
      body: result.stdout,
    };
  }
  const blob = await runGit(['--git-dir', repository.gitDir, 'rev-parse', `${commitId}:${path.slice(1)}`]);
  return jsonReply(200, {
    objectId: blob.stdout.trim(),
    gitObjectType: 'blob',
    commitId,
    path,
    ...(queryOf(call.query, 'includeContent') === 'true' ? { content: result.stdout } : {}),
    url: `${repositoryUrl(world, repository)}/items${path}?versionType=Commit&version=${commitId}`,
  });
}
