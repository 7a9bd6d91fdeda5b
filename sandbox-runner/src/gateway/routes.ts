import { isTunnelHost } from './tunnel-policy.ts';

/** The routes that a run may be given, besides `tunnel:HOST` for each host that a policy opts in. */
export const ROUTE_NAMES = [
  'anthropic',
  'git',
  'npm',
  'azure-devops',
  'github',
  'status-page',
  'dozzle',
] as const;
export type RouteName = (typeof ROUTE_NAMES)[number];
/** Routes that are listed GETs of one server. */
export type ApiRouteName = Exclude<RouteName, 'anthropic' | 'git' | 'npm'>;

const TUNNEL = 'tunnel:';

export const isRouteName = (name: string): name is RouteName =>
  (ROUTE_NAMES as readonly string[]).includes(name);

/** Routes that nobody knows: a run that asks for one is refused before anything starts. */
export const unknownRoutes = (routes: readonly string[]): string[] =>
  routes.filter(
    (route) => !isRouteName(route) && !(route.startsWith(TUNNEL) && isTunnelHost(route.slice(TUNNEL.length))),
  );

export const tunnelHosts = (routes: readonly string[]): string[] =>
  routes.filter((route) => route.startsWith(TUNNEL)).map((route) => route.slice(TUNNEL.length));
