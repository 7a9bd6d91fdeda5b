/**
 * Which door of the gateway a request means, if any: closed lists of method and path, decided from the request
 * line alone. What is not listed does not exist.
 */
import { AZURE_DEVOPS_READS, allowedRead, DOZZLE_READS, GITHUB_READS } from './api-policy.ts';
import { type ApiRouteName, isRouteName } from './routes.ts';

export interface RouteGrant {
  routes: readonly string[];
  /** The only repository that may be fetched. */
  repository: { project: string; repository: string } | null;
  /** Null: this neighbour is no agent and has no doors of its own (a proof). */
  tools: readonly string[] | null;
}

export type Route =
  | { kind: 'anthropic'; path: '/v1/messages' | '/v1/messages/count_tokens'; query: string }
  | { kind: 'git'; service: 'advertise' | 'upload-pack' }
  | { kind: ApiRouteName; path: string; query: string; isStream: boolean }
  | { kind: 'npm'; path: string; file: 'packument' | 'tarball' }
  | { kind: 'task' }
  | { kind: 'tool'; tool: string }
  | { kind: 'events' }
  | { kind: 'transcript' }
  | { kind: 'ended' }
  | { kind: 'refused'; status: 403 | 404 | 405; reason: string };

const refused = (status: 403 | 404 | 405, reason: string): Route => ({ kind: 'refused', status, reason });

const PACKAGE = '(?:@[a-z0-9][a-z0-9._~-]*(?:/|%2[fF]))?[a-zA-Z0-9][a-zA-Z0-9._~-]*';
const PACKUMENT = new RegExp(`^/${PACKAGE}(?:/[0-9a-zA-Z.+-]+)?$`);
const TARBALL = new RegExp(`^/${PACKAGE}/-/[a-zA-Z0-9][a-zA-Z0-9._~+-]*\\.tgz$`);

function npmRoute(method: string, path: string, query: string): Route {
  if (method !== 'GET' && method !== 'HEAD') return refused(405, 'The registry is for reading.');
  if (query !== '') return refused(404, 'The registry is asked without a query.');
  if (TARBALL.test(path)) return { kind: 'npm', path, file: 'tarball' };
  if (PACKUMENT.test(path)) return { kind: 'npm', path, file: 'packument' };
  return refused(404, 'Packages and their archives only.');
}

function gitRoute(method: string, path: string, query: string, grant: RouteGrant): Route {
  const parts = path.split('/').slice(1).map(decodeOrNull);
  const [project, mark, repository, ...rest] = parts;
  const own = grant.repository;
  if (!own || mark !== '_git' || project !== own.project || repository !== own.repository) {
    return refused(403, 'Only the repository of this run can be fetched.');
  }
  const tail = rest.join('/');
  if (tail === 'info/refs' && method === 'GET') {
    if (query === 'service=git-upload-pack') return { kind: 'git', service: 'advertise' };
    return refused(403, 'Fetching only: nothing is pushed through here.');
  }
  if (tail === 'git-upload-pack' && method === 'POST' && query === '')
    return { kind: 'git', service: 'upload-pack' };
  if (tail === 'git-receive-pack') return refused(403, 'Fetching only: nothing is pushed through here.');
  return refused(404, 'No such Git service.');
}

function anthropicRoute(method: string, path: string, query: string): Route {
  if (path !== '/v1/messages' && path !== '/v1/messages/count_tokens') {
    return refused(404, 'Messages and token counts only.');
  }
  if (method !== 'POST') return refused(405, 'POST only.');
  if (query !== '' && query !== 'beta=true') return refused(404, 'No such query.');
  return { kind: 'anthropic', path, query };
}

/** Reading of the run's own project; the upstream path is made of the run's names. */
function azureDevopsRoute(method: string, path: string, query: string, grant: RouteGrant): Route {
  if (method !== 'GET') return refused(405, 'Azure DevOps is for reading.');
  const [project, mark, ...rest] = path.split('/').slice(1);
  if (!grant.repository || mark !== '_apis' || decodeOrNull(project ?? '') !== grant.repository.project) {
    return refused(403, 'Only the project of this run can be read.');
  }
  const read = allowedRead(AZURE_DEVOPS_READS, `/${rest.join('/')}`, query);
  if (!read) return refused(404, 'Builds, their timelines and logs only.');
  const root = `/${encodeURIComponent(grant.repository.project)}/_apis`;
  return { ...read, kind: 'azure-devops', path: root + read.path };
}

function githubRoute(method: string, path: string, query: string, grant: RouteGrant): Route {
  if (method !== 'GET') return refused(405, 'GitHub is for reading.');
  const [mark, owner, repository, ...rest] = path.split('/').slice(1);
  const own = grant.repository;
  if (!own || mark !== 'repos' || owner !== own.project || repository !== own.repository) {
    return refused(403, 'Only the repository of this run can be read.');
  }
  const read = allowedRead(GITHUB_READS, `/${rest.join('/')}`, query);
  if (!read) return refused(404, 'Runs, checks, commits, issues and pull requests by number only.');
  const root = `/repos/${encodeURIComponent(own.project)}/${encodeURIComponent(own.repository)}`;
  return { ...read, kind: 'github', path: root + read.path };
}

/** One address, the configured one. */
function statusPageRoute(method: string, path: string, query: string): Route {
  if (method !== 'GET') return refused(405, 'The status page is for reading.');
  if (path !== '' || query !== '') return refused(404, 'The status page as it is configured, nothing else.');
  return { kind: 'status-page', path: '', query: '', isStream: false };
}

function dozzleRoute(method: string, path: string, query: string): Route {
  if (method !== 'GET') return refused(405, 'The container dashboard is for reading.');
  const read = allowedRead(DOZZLE_READS, path, query);
  if (!read) return refused(404, 'Its containers (/api/events/stream), their logs, and its version only.');
  return { ...read, kind: 'dozzle' };
}

function ownDoor(method: string, path: string, tools: readonly string[]): Route {
  if (path === '/task') return method === 'GET' ? { kind: 'task' } : refused(405, 'GET only.');
  if (method !== 'POST') return refused(405, 'POST only.');
  if (path === '/events') return { kind: 'events' };
  if (path === '/transcript') return { kind: 'transcript' };
  if (path === '/ended') return { kind: 'ended' };
  const tool = /^\/tools\/([a-z_]+)$/.exec(path)?.[1];
  if (tool === undefined) return refused(404, 'No such door.');
  return tools.includes(tool)
    ? { kind: 'tool', tool }
    : refused(403, `This run does not have the tool ${tool}.`);
}

function decodeOrNull(part: string): string | null {
  try {
    return decodeURIComponent(part);
  } catch {
    return null;
  }
}

/** `target` is the request target as it came, not normalised: a path that needs normalising is refused. */
export function decideRoute(method: string, target: string, grant: RouteGrant): Route {
  const mark = target.indexOf('?');
  const path = mark < 0 ? target : target.slice(0, mark);
  const query = mark < 0 ? '' : target.slice(mark + 1);
  if (!path.startsWith('/') || path.includes('//') || /(?:^|\/|%2f)(?:\.|%2e){1,2}(?:\/|%2f|$)/i.test(path)) {
    return refused(404, 'A plain path, please.');
  }
  const [, first = ''] = path.split('/');
  const rest = path.slice(first.length + 1);
  if (first === 'dogwatch' && grant.tools !== null) return ownDoor(method, rest, grant.tools);
  if (isRouteName(first)) {
    if (!grant.routes.includes(first)) return refused(403, `This run has no route to ${first}.`);
    if (first === 'anthropic') return anthropicRoute(method, rest, query);
    if (first === 'git') return gitRoute(method, rest, query, grant);
    if (first === 'npm') return npmRoute(method, rest, query);
    if (first === 'github') return githubRoute(method, rest, query, grant);
    if (first === 'status-page') return statusPageRoute(method, rest, query);
    if (first === 'dozzle') return dozzleRoute(method, rest, query);
    return azureDevopsRoute(method, rest, query, grant);
  }
  return refused(404, 'The gateway has no such route.');
}
