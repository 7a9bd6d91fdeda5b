import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Usage } from '../../../core/contracts/usage.ts';
import { modelRoute } from './anthropic-route.ts';
import { handleApi } from './api-route.ts';
import { apiUpstream } from './api-upstreams.ts';
import { handleGit } from './git-route.ts';
import type { LockedPackages } from './npm-lock.ts';
import { handleNpm } from './npm-route.ts';
import { decideRoute, type RouteGrant } from './route-policy.ts';
import { tunnelHosts } from './routes.ts';
import type { RunDoors } from './run-doors.ts';
import { nameResolver, openTunnels } from './tunnel.ts';
import { UpstreamError } from './upstream.ts';

/** What the gateway needs to know of the world, the same for all runs. Holds the secrets. */
export interface GatewaySettings {
  anthropicBaseUrl: string;
  anthropicApiKey: string | null;
  /** Cheap model that the SDK may use for its own small calls. */
  auxiliaryModel: string;
  maxOutputTokens: number;
  azureDevopsUrl: string;
  azureDevopsPat: string | null;
  /** Reads builds; the one above reads code. */
  azureDevopsBuildPat: string | null;
  githubUrl: string;
  githubToken: string | null;
  /** The one address of the status page; null: none. */
  statusUrl: string | null;
  dozzleUrl: string | null;
  /** Whole value of its header `Authorization`; null: it asks for none. */
  dozzleAuthorization: string | null;
  /** Resolvers for tunnels; none: the host's own. */
  dnsServers: readonly string[];
  npmRegistryUrl: string;
  costMicroUsd: (usage: Usage) => number;
}

/** What one neighbour may do. */
export interface GatewayGrant extends RouteGrant {
  model: string | null;
  budgetUsd: number;
  doors: RunDoors | null;
  /** Packages that may be installed; asked when the first one is wanted. */
  locked: () => Promise<LockedPackages>;
  onUsage: (usage: Usage) => void;
  /** Waits until a model call may be made; false: never again. Absent: always. */
  mayCall?: () => Promise<boolean>;
  /** Of the budget, before this gateway opened. */
  spentMicroUsd?: number;
  /** The port it had before; 0 or absent: any. */
  port?: number;
  onBudgetSpent: () => void;
}

export interface LoggedRequest {
  at: number;
  method: string;
  path: string;
  status: number;
  durationMs: number;
}

export interface Gateway {
  /** As the neighbour sees it, e.g. `http://10.213.0.1:40123`. */
  url: string;
  port: number;
  /** The latest 1,000 requests. */
  requests(): LoggedRequest[];
  spentMicroUsd(): number;
  close(): Promise<void>;
}

const LOG_LIMIT = 1_000;
/** A session uses a handful; each costs the runner memory. */
const MAX_CONNECTIONS = 64;
/** Time for the head of a request; the body has the server's own five minutes. */
const HEAD_MS = 15_000;

function plain(answer: ServerResponse, status: number, reason: string) {
  if (answer.headersSent) return void answer.destroy();
  answer.writeHead(status, { 'content-type': 'text/plain' });
  answer.end(`${reason}\n`);
}

/**
 * One listener for one neighbour, on the host's address in that neighbour's own network: who asks is known by
 * where the request arrives.
 */
export async function openGateway(
  host: string,
  settings: GatewaySettings,
  grant: GatewayGrant,
  log: (line: string) => void,
): Promise<Gateway> {
  const logged: LoggedRequest[] = [];
  const model = modelRoute({
    baseUrl: settings.anthropicBaseUrl,
    apiKey: settings.anthropicApiKey,
    policy: {
      models: grant.model === null ? [] : [...new Set([grant.model, settings.auxiliaryModel])],
      maxOutputTokens: settings.maxOutputTokens,
    },
    budgetMicroUsd: Math.round(grant.budgetUsd * 1_000_000),
    costMicroUsd: settings.costMicroUsd,
    onUsage: grant.onUsage,
    mayCall: grant.mayCall ?? (async () => true),
    spentMicroUsd: grant.spentMicroUsd ?? 0,
    onBudgetSpent: grant.onBudgetSpent,
  });
  const active = new Set<Promise<void>>();
  let url = '';

  async function serve(incoming: IncomingMessage, answer: ServerResponse): Promise<void> {
    const route = decideRoute(incoming.method ?? '', incoming.url ?? '', grant);
    switch (route.kind) {
      case 'refused':
        return plain(answer, route.status, route.reason);
      case 'anthropic':
        return model.handle(route.path, route.query, incoming, answer);
      case 'git':
        if (!grant.repository) return plain(answer, 403, 'This run has no repository.');
        return handleGit(
          {
            azureDevopsUrl: settings.azureDevopsUrl,
            pat: settings.azureDevopsPat,
            repository: grant.repository,
          },
          route.service,
          incoming,
          answer,
        );
      case 'npm':
        return handleNpm(
          { registryUrl: settings.npmRegistryUrl, ownUrl: `${url}/npm/`, locked: grant.locked },
          route,
          incoming,
          answer,
        );
      case 'azure-devops':
      case 'github':
      case 'status-page':
      case 'dozzle': {
        const upstream = apiUpstream(route.kind, settings);
        if (typeof upstream === 'string') return plain(answer, 503, upstream);
        return handleApi(upstream, route, incoming, answer);
      }
      default:
        if (!grant.doors) return plain(answer, 404, 'The gateway has no such route.');
        return grant.doors.handle(route, incoming, answer);
    }
  }

  const tunnels = openTunnels({
    hosts: tunnelHosts(grant.routes),
    resolve: nameResolver(settings.dnsServers),
    log: (line) => log(`gateway: ${line}`),
  });
  const server = createServer(
    { headersTimeout: HEAD_MS, connectionsCheckingInterval: 5_000 },
    (incoming, answer) => {
      const at = Date.now();
      answer.on('close', () => {
        logged.push({
          at,
          method: incoming.method ?? '',
          path: (incoming.url ?? '').slice(0, 300),
          status: answer.statusCode,
          durationMs: Date.now() - at,
        });
        if (logged.length > LOG_LIMIT) logged.shift();
      });
      const serving = serve(incoming, answer).catch((error: unknown) => {
        // The neighbour hears which side failed; the runner's log hears why.
        log(`gateway: ${incoming.method} ${(incoming.url ?? '').slice(0, 200)}: ${String(error)}`);
        if (error instanceof UpstreamError) return plain(answer, 502, error.message);
        plain(answer, 500, 'The gateway failed.');
      });
      active.add(serving);
      void serving.finally(() => active.delete(serving));
    },
  );
  server.maxConnections = MAX_CONNECTIONS;
  server.on('connect', (incoming, socket, head) => {
    void tunnels.handle(incoming, socket, head).catch((error: unknown) => {
      log(`gateway: tunnel: ${String(error)}`);
      socket.destroy();
    });
  });
  server.on('upgrade', (_incoming, socket) => socket.end('HTTP/1.1 405 Method Not Allowed\r\n\r\n'));
  // A submit_fix answer takes as long as its proof; only the sending of a request is bounded.
  server.timeout = 0;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(grant.port ?? 0, host, resolve);
  });
  const { port } = server.address() as AddressInfo;
  url = `http://${host}:${port}`;

  return {
    url,
    port,
    requests: () => [...logged],
    spentMicroUsd: model.spentMicroUsd,
    async close() {
      tunnels.close();
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
      // A reply that was cut off still counts its usage.
      await Promise.allSettled([...active]);
    },
  };
}
