/** The way in: who calls, and whether it is Git's protocol or REST. Errors leave in the service's shape. */
import type { ServerResponse } from 'node:http';
import type { TwinReply, TwinRequest } from '../shared/twin-server.ts';
import { type Credentials, roleOf } from './auth.ts';
import { AzureError, azureErrorReply, notFound } from './errors.ts';
import { type GitHttpDeps, serveGit } from './git-http.ts';
import { matchRoute, type Route } from './router.ts';
import { findRepository, type Role, type World } from './world.ts';

export type Front = {
  world: World;
  credentials: Credentials;
  routes: readonly Route[];
  onPush: GitHttpDeps['onPush'];
};

const gitPaths = ['/info/refs', '/git-upload-pack', '/git-receive-pack'];

export async function answerRequest(
  front: Front,
  request: TwinRequest,
  response: ServerResponse,
): Promise<TwinReply | undefined> {
  const { world } = front;
  const segments = request.path
    .split('/')
    .filter((part) => part !== '')
    .map(decodeURIComponent);
  const role = roleOf(request.headers.authorization, front.credentials);
  if (!role) return unauthorised(segments.includes('_git'));
  request.notes.role = role;
  if (segments[0]?.toLowerCase() !== world.organisation.toLowerCase()) {
    return azureErrorReply(404, 'The organisation does not exist.', 'HostNotFoundException');
  }
  try {
    if (segments.includes('_git')) return await answerGit(front, request, response, segments, role);
    return await answerRest(front, request, segments.slice(1), role);
  } catch (error) {
    if (error instanceof AzureError) return azureErrorReply(error.status, error.message, error.typeKey);
    throw error;
  }
}

async function answerGit(
  front: Front,
  request: TwinRequest,
  response: ServerResponse,
  segments: readonly string[],
  role: Role,
): Promise<undefined> {
  const at = segments.indexOf('_git');
  const name = segments[at + 1] ?? '';
  const repository = findRepository(front.world, name);
  const pathInfo = `/${segments.slice(at + 2).join('/')}`;
  const project = segments.slice(1, at).join('/');
  if (!repository || !gitPaths.includes(pathInfo) || !isProject(front.world, project)) {
    throw notFound.repository(name);
  }
  await serveGit(request, response, repository, pathInfo, role, { onPush: front.onPush });
  return undefined;
}

async function answerRest(
  front: Front,
  request: TwinRequest,
  segments: readonly string[],
  role: Role,
): Promise<TwinReply> {
  const at = segments.findIndex((part) => part.toLowerCase() === '_apis');
  if (at === -1) return azureErrorReply(404, 'The page was not found.', 'PageNotFoundException');
  const project = segments.slice(0, at).join('/');
  if (!isProject(front.world, project)) throw notFound.project(project);
  const found = matchRoute(front.routes, request.method, segments.slice(at + 1));
  if (found === 'methodNotAllowed') {
    return azureErrorReply(405, `The requested resource does not support http method '${request.method}'.`);
  }
  if (!found) return azureErrorReply(404, 'The controller for this path was not found.');
  if (request.method !== 'GET' && !hasApiVersion(request)) {
    return azureErrorReply(
      400,
      `No api-version was supplied for the "${request.method}" request. The version must be supplied either as part of the Accept header (e.g. "application/json; api-version=1.0") or as a query parameter (e.g. "?api-version=1.0").`,
      'VssVersionNotSpecifiedException',
    );
  }
  return found.handle({
    request,
    query: request.url.searchParams,
    params: found.params,
    role,
    by: front.world.identities[role],
  });
}

/** No project at all addresses the organisation, which most doors allow. */
function isProject(world: World, text: string): boolean {
  return ['', world.project.id, world.project.name.toLowerCase()].includes(text.toLowerCase());
}

function hasApiVersion(request: TwinRequest): boolean {
  return (
    request.url.searchParams.has('api-version') || /api-version=/i.test(String(request.headers.accept ?? ''))
  );
}

function unauthorised(isGit: boolean): TwinReply {
  const reply = azureErrorReply(
    401,
    "TF400813: The user '' is not authorized to access this resource.",
    'UnauthorizedRequestException',
    { 'www-authenticate': 'Basic realm="Azure DevOps twin"' },
  );
  return isGit ? { status: 401, headers: reply.headers ?? {}, body: 'Authentication is needed.' } : reply;
}
