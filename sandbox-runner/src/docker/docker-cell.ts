import { randomBytes } from 'node:crypto';
import { npmEnvironment, proxyEnvironment } from '../backend/backend-options.ts';
import type { Gateway } from '../gateway/gateway.ts';
import { DockerError, type Engine } from './docker.ts';
import type { Cleanup } from './docker-cleanup.ts';
import { type Container, type SandboxLimits, startContainer } from './docker-containers.ts';
import type { Firewall } from './docker-firewall.ts';
import type { NetworkPool } from './docker-network-pool.ts';

/** A container, alone in a network of its own with its gateway. */
export interface CellSpec {
  name: string;
  runner: string;
  run: string;
  fence: number;
  image: string;
  command: string[];
  env: Record<string, string>;
  /** Whether the gateway is also a proxy for some hosts. */
  tunnels: boolean;
  runtime: string | null;
  limits: SandboxLimits;
}

/** Unique also when the same run is started twice. */
export const cellName = (label: string): string =>
  `dogwatch-${label.replace(/[^a-zA-Z0-9_.-]/g, '-').slice(0, 60)}-${randomBytes(3).toString('hex')}`;

const explain = (error: unknown) =>
  (error as NodeJS.ErrnoException).code === 'EADDRNOTAVAIL'
    ? new DockerError(
        "The engine's networks are not on this machine (Docker Desktop, or a remote DOCKER_HOST). The runner must be on the engine's own Linux host; for a demo use --no-docker.",
        { retryable: false, cause: error },
      )
    : error;

/**
 * Network, gateway, firewall, container, in this order: nothing runs before its walls stand. What was set up is
 * in `cleanup` at every moment, so that a failure half-way leaves nothing either.
 */
export async function openCell(
  engine: Engine,
  networks: NetworkPool,
  firewall: Firewall,
  spec: CellSpec,
  listen: (host: string) => Promise<{ gateway: Gateway; close: () => Promise<void> }>,
  onLog: (chunk: Buffer) => void,
  cleanup: Cleanup,
): Promise<Container> {
  const labels = {
    'dogwatch.runner': spec.runner,
    'dogwatch.run': spec.run,
    'dogwatch.fence': String(spec.fence),
  };
  const network = await networks.take();
  cleanup.add(() => networks.release(network));
  const { gateway, close } = await listen(network.gateway).catch((error) => {
    throw explain(error);
  });
  cleanup.add(close);
  cleanup.add(() => firewall.forget(network.bridge));
  const container = await startContainer(
    engine,
    {
      name: spec.name,
      image: spec.image,
      network: network.name,
      labels,
      env: {
        DOGWATCH_GATEWAY: gateway.url,
        ...npmEnvironment(gateway.url),
        ...(spec.tunnels ? proxyEnvironment(gateway.url) : {}),
        ...spec.env,
      },
      runtime: spec.runtime,
      command: spec.command,
      limits: spec.limits,
    },
    firewall.allow(network.bridge, network.gateway, gateway.port),
    onLog,
  );
  cleanup.add(() => container.remove());
  return container;
}
