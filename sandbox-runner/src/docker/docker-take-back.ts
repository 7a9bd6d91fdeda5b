import type { Gateway } from '../gateway/gateway.ts';
import type { Engine } from './docker.ts';
import type { Cleanup } from './docker-cleanup.ts';
import { attachContainer, type Container } from './docker-containers.ts';
import type { Firewall } from './docker-firewall.ts';
import type { NetworkPool } from './docker-network-pool.ts';
import { findNetwork, type RunNetwork } from './docker-networks.ts';

/** A living container of an earlier process of this runner, and where it looks for its gateway. */
export interface FoundCell {
  id: string;
  name: string;
  /** Digest of the image it was made of. */
  image: string;
  network: RunNetwork;
  port: number;
}

/** Null: nothing of this run and fence is alive, or its network is gone. */
export async function findCell(
  engine: Engine,
  owner: { runner: string; run: string; fence: number },
): Promise<FoundCell | null> {
  const label = [
    `dogwatch.runner=${owner.runner}`,
    `dogwatch.run=${owner.run}`,
    `dogwatch.fence=${owner.fence}`,
  ];
  const [listed] = await engine.listContainers({ filters: { label, status: ['running'] } });
  if (!listed) return null;
  const { Name, Image, Config, HostConfig } = await engine.getContainer(listed.Id).inspect();
  const name = Name.replace(/^\//, '');
  const network = await findNetwork(engine, HostConfig.NetworkMode ?? '');
  const address = Config.Env.find((line) => line.startsWith('DOGWATCH_GATEWAY='))?.split('=')[1] ?? '';
  if (!network || !URL.canParse(address)) return null;
  return { id: listed.Id, name, image: Image, network, port: Number(new URL(address).port) };
}

/** Opens the gateway where the container looks for it; whatever happens, all of the cell is in `cleanup`. */
export async function reopenCell(
  engine: Engine,
  networks: NetworkPool,
  firewall: Firewall,
  { id, name, network, port }: FoundCell,
  listen: (host: string, port: number) => Promise<{ gateway: Gateway; close: () => Promise<void> }>,
  onLog: (chunk: Buffer) => void,
  cleanup: Cleanup,
): Promise<Container> {
  const found = engine.getContainer(id);
  networks.adopt(network);
  cleanup.add(() => networks.release(network));
  cleanup.add(() => firewall.forget(network.bridge));
  cleanup.add(async () => {
    await found.remove({ force: true, v: true }).catch(() => undefined);
  });
  const { close } = await listen(network.gateway, port);
  cleanup.add(close);
  // The permit of the process before still stands; a second one would outlive the first.
  await firewall.forget(network.bridge);
  await firewall.allow(network.bridge, network.gateway, port);
  return attachContainer(engine, found, name, onLog);
}
