/** REST: builds, their timelines, logs and changes; definitions; build policies. */
import { jsonReply, type TwinReply } from '../shared/twin-server.ts';
import { filterBuilds } from './build-filter.ts';
import {
  buildJson,
  buildPolicyJson,
  definitionJson,
  definitionReference,
  logJson,
  timelineJson,
} from './build-resources.ts';
import { notFound } from './errors.ts';
import { readCommits, resolveCommit } from './git.ts';
import { changeJson } from './git-resources.ts';
import { numberOf, queryOf, type RestCall, type Route, route } from './router.ts';
import type { Build, Definition, Identity, World } from './world.ts';

export type BuildActions = {
  queueManual(definition: Definition, sourceBranch: string, commit: string, by: Identity): Build;
  cancel(build: Build): void;
};

export function listReply(value: readonly unknown[], headers: Record<string, string> = {}): TwinReply {
  return jsonReply(200, { count: value.length, value }, headers);
}

export function buildRoutes(world: World, actions: BuildActions): Route[] {
  const buildOf = (call: RestCall): Build => {
    const id = call.params.buildId ?? '';
    const found = world.builds.find((one) => String(one.id) === id);
    if (!found) throw notFound.build(id);
    return found;
  };
  const definitionOf = (id: string): Definition => {
    const found = world.definitions.find((one) => String(one.id) === id);
    if (!found) throw notFound.definition(id);
    return found;
  };
  return [
    route('GET', '/build/builds', ({ query }) =>
      listReply(filterBuilds(world.builds, query).map((build) => buildJson(world, build))),
    ),
    route('POST', '/build/builds', async ({ request, by }) => {
      const body = (await request.json()) as { definition?: { id?: number }; sourceBranch?: string };
      const definition = definitionOf(String(body.definition?.id ?? ''));
      const repository = world.repositories.find((one) => one.id === definition.repositoryId);
      const branch = body.sourceBranch ?? repository?.defaultBranch ?? '';
      const commit = repository && (await resolveCommit(repository.gitDir, branch));
      if (!commit) throw notFound.commit(branch);
      return jsonReply(200, buildJson(world, actions.queueManual(definition, branch, commit, by)));
    }),
    route('GET', '/build/builds/:buildId', (call) => jsonReply(200, buildJson(world, buildOf(call)))),
    route('PATCH', '/build/builds/:buildId', async (call) => {
      const body = (await call.request.json()) as { status?: string };
      if (body.status === 'cancelling') actions.cancel(buildOf(call));
      return jsonReply(200, buildJson(world, buildOf(call)));
    }),
    route('GET', '/build/builds/:buildId/timeline', (call) =>
      jsonReply(200, timelineJson(world, buildOf(call))),
    ),
    route('GET', '/build/builds/:buildId/timeline/:timelineId', (call) =>
      jsonReply(200, timelineJson(world, buildOf(call))),
    ),
    route('GET', '/build/builds/:buildId/logs', (call) => {
      const build = buildOf(call);
      return listReply(build.logs.map((log) => logJson(world, build, log.id)));
    }),
    route('GET', '/build/builds/:buildId/logs/:logId', (call) => logReply(buildOf(call), call)),
    route('GET', '/build/builds/:buildId/changes', async (call) => {
      const build = buildOf(call);
      const before = world.builds.findLast(
        (one) =>
          one.id < build.id && one.definition === build.definition && one.sourceBranch === build.sourceBranch,
      );
      return changesReply(world, before, build, numberOf(call.query, '$top') ?? 50);
    }),
    route('GET', '/build/changes', async ({ query }) => {
      const find = (name: string): Build => {
        const id = queryOf(query, name) ?? '';
        const found = world.builds.find((one) => String(one.id) === id);
        if (!found) throw notFound.build(id);
        return found;
      };
      return changesReply(world, find('fromBuildId'), find('toBuildId'), numberOf(query, '$top') ?? 50);
    }),
    route('GET', '/build/definitions', ({ query }) => {
      const name = queryOf(query, 'name')?.toLowerCase();
      const wanted = world.definitions.filter((one) => name === undefined || one.name.toLowerCase() === name);
      return listReply(wanted.map((one) => definitionReference(world, one)));
    }),
    route('GET', '/build/definitions/:definitionId', (call) =>
      jsonReply(200, definitionJson(world, definitionOf(call.params.definitionId ?? ''))),
    ),
    route('GET', '/policy/configurations', () =>
      listReply(world.definitions.filter((one) => one.prBuild).map((one) => buildPolicyJson(world, one))),
    ),
    route('GET', '/policy/configurations/:configurationId', (call) => {
      const definition = definitionOf(call.params.configurationId ?? '');
      if (!definition.prBuild) throw notFound.definition(String(definition.id));
      return jsonReply(200, buildPolicyJson(world, definition));
    }),
  ];
}

/** Lines are counted from 1, both ends included. JSON where the caller asks for it, else text. */
function logReply(build: Build, call: RestCall): TwinReply {
  const log = build.logs.find((one) => String(one.id) === call.params.logId);
  if (!log) throw notFound.build(`${build.id}, log ${call.params.logId}`);
  const first = Math.max(1, numberOf(call.query, 'startLine') ?? 1);
  const last = numberOf(call.query, 'endLine') ?? log.lines.length;
  const lines = log.lines.slice(first - 1, last);
  if (/application\/json/i.test(String(call.request.headers.accept ?? ''))) return listReply(lines);
  return {
    status: 200,
    headers: { 'content-type': 'text/plain; charset=utf-8' },
    body: lines.length === 0 ? '' : `${lines.join('\n')}\n`,
  };
}

async function changesReply(
  world: World,
  from: Build | undefined,
  to: Build,
  top: number,
): Promise<TwinReply> {
  const range = from ? [`${from.sourceVersion}..${to.sourceVersion}`] : ['-1', to.sourceVersion];
  const commits = await readCommits(to.repository.gitDir, [`--max-count=${top}`, ...range]);
  return listReply(commits.map((commit) => changeJson(world, to.repository, commit)));
}
