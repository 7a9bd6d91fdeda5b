/** Matches REST paths below the organisation, without case, and with the project's name or id before `_apis` or not. */
import type { TwinReply, TwinRequest } from '../shared/twin-server.ts';
import type { Identity, Role } from './world.ts';

export type RestCall = {
  request: TwinRequest;
  query: URLSearchParams;
  /** Path parameters, decoded. */
  params: Record<string, string>;
  role: Role;
  by: Identity;
};

export type RestHandler = (call: RestCall) => Promise<TwinReply> | TwinReply;

export type Route = { method: string; pattern: readonly string[]; handle: RestHandler };

/** `path` is what follows `_apis`, such as `/build/builds/:buildId`. */
export function route(method: string, path: string, handle: RestHandler): Route {
  return { method, pattern: path.split('/').filter((part) => part !== ''), handle };
}

export type RouteMatch = { handle: RestHandler; params: Record<string, string> };

export function matchRoute(
  routes: readonly Route[],
  method: string,
  segments: readonly string[],
): RouteMatch | 'methodNotAllowed' | undefined {
  let pathKnown = false;
  for (const candidate of routes) {
    const params = matchPattern(candidate.pattern, segments);
    if (!params) continue;
    if (candidate.method === method) return { handle: candidate.handle, params };
    pathKnown = true;
  }
  return pathKnown ? 'methodNotAllowed' : undefined;
}

function matchPattern(
  pattern: readonly string[],
  segments: readonly string[],
): Record<string, string> | undefined {
  if (pattern.length !== segments.length) return undefined;
  const params: Record<string, string> = {};
  for (const [index, part] of pattern.entries()) {
    const segment = segments[index] ?? '';
    if (part.startsWith(':')) params[part.slice(1)] = segment;
    else if (part.toLowerCase() !== segment.toLowerCase()) return undefined;
  }
  return params;
}

/** Query names have no case in this API. */
export function queryOf(query: URLSearchParams, name: string): string | undefined {
  for (const [key, value] of query) {
    if (key.toLowerCase() === name.toLowerCase()) return value;
  }
  return undefined;
}

export function numberOf(query: URLSearchParams, name: string): number | undefined {
  const text = queryOf(query, name);
  const value = Number(text);
  return text === undefined || Number.isNaN(value) ? undefined : value;
}
