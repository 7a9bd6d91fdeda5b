import { randomBytes } from 'node:crypto';
import { DockerError, type Engine, ignoringAbsence } from './docker.ts';
import { chooseSubnet } from './docker-subnets.ts';

/** Host-side interfaces of all our networks begin with this; the firewall goes by it. */
export const BRIDGE_PREFIX = 'dwr';

export interface RunNetwork {
  id: string;
  name: string;
  /** The host's address in it, where the gateway listens. */
  gateway: string;
  /** The host's interface. */
  bridge: string;
}

const TRIES = 5;

/** An internal network: it leads to the host's own address in it and nowhere else. */
export async function createNetwork(
  engine: Engine,
  name: string,
  labels: Record<string, string>,
): Promise<RunNetwork> {
  for (let attempt = 1; ; attempt++) {
    const networks = await engine.listNetworks();
    const taken = networks.flatMap((network) =>
      (network.IPAM?.Config ?? []).flatMap(({ Subnet }) => Subnet ?? []),
    );
    const subnet = chooseSubnet(taken, Math.random);
    if (!subnet) throw new DockerError('All 4,096 subnets of 10.213.0.0/16 are in use.', { retryable: true });
    const bridge = `${BRIDGE_PREFIX}${randomBytes(5).toString('hex')}`;
    try {
      const network = await engine.createNetwork({
        Name: name,
        Driver: 'bridge',
        Internal: true,
        EnableIPv6: false,
        CheckDuplicate: true,
        Labels: labels,
        IPAM: { Driver: 'default', Config: [{ Subnet: subnet.cidr, Gateway: subnet.gateway }] },
        Options: {
          'com.docker.network.bridge.name': bridge,
          'com.docker.network.bridge.enable_icc': 'false',
        },
      });
      return { id: network.id, name, gateway: subnet.gateway, bridge };
    } catch (error) {
      // Another runner may have taken the subnet since the look.
      if (attempt < TRIES && /overlap|conflict|in use/i.test(String(error))) continue;
      throw new DockerError(`No network for the run: ${String(error)}`, { retryable: true, cause: error });
    }
  }
}

/** A network as an earlier process made it; null: gone, or not one of ours. */
export async function findNetwork(engine: Engine, name: string): Promise<RunNetwork | null> {
  const found = (await engine.listNetworks({ filters: { name: [name] } })).find(
    (network) => network.Name === name,
  );
  const gateway = found?.IPAM?.Config?.[0]?.Gateway;
  const bridge = found?.Options?.['com.docker.network.bridge.name'];
  return found && gateway && bridge ? { id: found.Id, name, gateway, bridge } : null;
}

export async function removeNetwork(engine: Engine, id: string): Promise<void> {
  const network = engine.getNetwork(id);
  await ignoringAbsence(network.remove());
}

/** Bridges of all living networks of ours, of every runner on this engine. */
export async function livingBridges(engine: Engine): Promise<string[]> {
  const networks = await engine.listNetworks({ filters: { label: ['dogwatch.runner'] } });
  return networks.flatMap((network) => network.Options?.['com.docker.network.bridge.name'] ?? []);
}

export async function ownedNetworks(engine: Engine, runner: string): Promise<{ id: string; name: string }[]> {
  const networks = await engine.listNetworks({ filters: { label: [`dogwatch.runner=${runner}`] } });
  return networks.map((network) => ({ id: network.Id, name: network.Name }));
}
