import { createSocket } from 'node:dgram';
import { type AddressInfo, createServer } from 'node:net';
import { networkInterfaces } from 'node:os';
import { answerQuery } from './dns-message.ts';

/** What a careless host listens with: TCP and UDP on all addresses, a resolver on loopback. */
export interface HostListeners {
  port: number;
  resolverPort: number;
  close(): Promise<void>;
}

export async function openHostListeners(): Promise<HostListeners> {
  const tcp = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.end('the host\r\n');
  });
  await new Promise<void>((resolve) => tcp.listen(0, '::', resolve));
  const { port } = tcp.address() as AddressInfo;
  const udp = createSocket({ type: 'udp6' });
  udp.on('message', (_message, remote) => udp.send('the host', remote.port, remote.address));
  await new Promise<void>((resolve) => udp.bind(port, '::', resolve));
  const resolver = createSocket('udp4');
  resolver.on('message', (message, remote) => {
    const answer = answerQuery(message);
    if (answer) resolver.send(answer, remote.port, remote.address);
  });
  // Port 53 where nobody has it yet: there the engine's forwarding would come out.
  const resolverPort = await new Promise<number>((resolve) => {
    resolver.once('error', () => resolver.bind(0, '127.0.0.1', () => resolve(resolver.address().port)));
    resolver.bind(53, '127.0.0.1', () => resolve(53));
  });
  return {
    port,
    resolverPort,
    async close() {
      tcp.close();
      udp.close();
      resolver.close();
    },
  };
}

/** IPv4 addresses of this host on interfaces that are neither loopback nor ours. */
export function hostAddresses(): string[] {
  return Object.entries(networkInterfaces()).flatMap(([name, facts]) =>
    /^(?:lo|dwr|veth|dwattack)/.test(name)
      ? []
      : (facts ?? []).filter(({ family }) => family === 'IPv4').map(({ address }) => address),
  );
}

/** The IPv6 link-local address on the host's interface that holds this IPv4 address. */
export function linkLocalBeside(address: string): string | null {
  for (const facts of Object.values(networkInterfaces())) {
    if (facts?.some((each) => each.address === address)) {
      return facts.find((each) => each.family === 'IPv6' && each.address.startsWith('fe80'))?.address ?? null;
    }
  }
  return null;
}
