import { Resolver } from 'node:dns/promises';
import type { IncomingMessage } from 'node:http';
import { connect, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { decideAddress, decideHello, decideTarget } from './tunnel-policy.ts';

/** Between CONNECT and a whole ClientHello. */
const HELLO_MS = 10_000;
const DIAL_MS = 10_000;
const SILENCE_MS = 5 * 60_000;
const MAX_AT_ONCE = 16;

/** All addresses of a name, asked of these resolvers, or of the host's when there are none. */
export function nameResolver(servers: readonly string[]): (host: string) => Promise<string[]> {
  return async (host) => {
    const resolver = new Resolver({ timeout: 3_000, tries: 2 });
    if (servers.length > 0) resolver.setServers(servers);
    const answers = await Promise.allSettled([resolver.resolve4(host), resolver.resolve6(host)]);
    return answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []));
  };
}

export interface TunnelDeps {
  /** Hosts that the run's policy opts in. */
  hosts: readonly string[];
  resolve: (host: string) => Promise<string[]>;
  /** Hears each decision. */
  log: (line: string) => void;
}

/** Waits until the hello can be judged; what was read stays in `bytes`. */
function readHello(socket: Duplex, head: Buffer, host: string) {
  return new Promise<{ verdict: { ok: true } | { ok: false; reason: string }; bytes: Buffer }>((resolve) => {
    let bytes = Buffer.from(head);
    const timer = setTimeout(() => finish({ ok: false, reason: 'No ClientHello came.' }), HELLO_MS);
    const finish = (verdict: { ok: true } | { ok: false; reason: string }) => {
      clearTimeout(timer);
      socket.off('data', onData).off('close', onClose);
      socket.pause();
      resolve({ verdict, bytes });
    };
    const judge = () => {
      const verdict = bytes.length === 0 ? null : decideHello(bytes, host);
      if (verdict) finish(verdict);
    };
    const onData = (chunk: Buffer) => {
      bytes = Buffer.concat([bytes, chunk]);
      judge();
    };
    const onClose = () => finish({ ok: false, reason: 'Closed before a ClientHello.' });
    socket.on('data', onData).on('close', onClose);
    judge();
  });
}

function dial(address: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const far = connect({ host: address, port: 443, autoSelectFamily: false });
    far.setTimeout(DIAL_MS, () => far.destroy(new Error('no answer')));
    far.once('error', reject);
    far.once('connect', () => {
      far.off('error', reject);
      resolve(far);
    });
  });
}

/**
 * Forward tunnels of one run: by CONNECT, to the hosts its policy names, on port 443. The name is resolved here,
 * every address of it must be public, the connection goes to the address that was checked, and only once the
 * ClientHello asks for the same host.
 */
export function openTunnels(deps: TunnelDeps) {
  const living = new Set<Duplex>();
  /** Both ends of a tunnel live; only the nearer one counts. */
  let underWay = 0;

  function refuse(socket: Duplex, target: string, status: string, reason: string) {
    deps.log(`tunnel to ${target} refused: ${reason}`);
    const body = `${reason}\n`;
    socket.end(
      `HTTP/1.1 ${status}\r\nContent-Type: text/plain\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
    );
  }

  async function carry(socket: Duplex, head: Buffer, host: string, address: string) {
    socket.write('HTTP/1.1 200 Connection Established\r\n\r\n');
    const { verdict, bytes } = await readHello(socket, head, host);
    if (!verdict.ok) {
      deps.log(`tunnel to ${host} refused: ${verdict.reason}`);
      return void socket.destroy();
    }
    const far = await dial(address);
    living.add(far);
    deps.log(`tunnel to ${host} opened at ${address}`);
    const end = () => {
      socket.destroy();
      far.destroy();
    };
    far.setTimeout(SILENCE_MS, end);
    far.on('error', end).on('close', () => {
      living.delete(far);
      deps.log(`tunnel to ${host} closed: ${far.bytesWritten} bytes out, ${far.bytesRead} in`);
      end();
    });
    socket.on('close', end);
    far.write(bytes);
    socket.pipe(far);
    far.pipe(socket);
  }

  async function handle(incoming: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    const target = (incoming.url ?? '').slice(0, 300).replace(/[^\x21-\x7e]/g, '?');
    socket.on('error', () => socket.destroy());
    const wanted = decideTarget(incoming.url ?? '', deps.hosts);
    if (!wanted.ok) return refuse(socket, target, '403 Forbidden', wanted.reason);
    if (underWay >= MAX_AT_ONCE)
      return refuse(socket, target, '429 Too Many Requests', `At most ${MAX_AT_ONCE} tunnels at once.`);
    living.add(socket);
    underWay += 1;
    socket.once('close', () => {
      living.delete(socket);
      underWay -= 1;
    });
    const found = decideAddress(await deps.resolve(wanted.host));
    if (!found.ok) return refuse(socket, target, '403 Forbidden', found.reason);
    await carry(socket, head, wanted.host, found.address).catch((error: unknown) => {
      deps.log(`tunnel to ${wanted.host} failed: ${String(error)}`);
      socket.destroy();
    });
  }

  return {
    handle,
    close() {
      for (const socket of living) socket.destroy();
    },
  };
}
