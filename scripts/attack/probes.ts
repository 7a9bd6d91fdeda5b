/**
 * Runs inside a container, piped to `node --input-type=module-typescript -`, so it imports nothing but Node's own.
 * Reads a list of probes from its argument, tries each, prints one JSON line per probe.
 */
import { spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { lookup, Resolver } from 'node:dns/promises';
import { connect, type Socket } from 'node:net';
import { connect as tlsConnect } from 'node:tls';

export type Probe =
  /** Reached when the connection opens. */
  | { kind: 'tcp'; host: string; port: number; send?: string }
  | { kind: 'tls'; host: string; port: number; servername: string; send: string }
  /** Reached when an answer comes. */
  | { kind: 'udp'; host: string; port: number; send: string }
  | { kind: 'dns'; server: string; port?: number; name: string; tcp?: boolean }
  | { kind: 'lookup'; name: string }
  /** Sends text as it is; reached when the answer matches. */
  | { kind: 'raw'; host: string; port: number; send: string; expect: string }
  /** Opens a tunnel by CONNECT, then TLS, then a request within; reached when the marker comes back. */
  | {
      kind: 'connect';
      proxy: { host: string; port: number };
      target: string;
      servername: string;
      hostHeader: string;
      path: string;
      /** Sent in place of TLS. */
      plain?: string;
      expect: string;
    }
  /** Reached when the output matches. */
  | { kind: 'shell'; command: string; expect: string; timeoutMs?: number };

export interface ProbeResult {
  reached: boolean;
  detail: string;
}

const TIMEOUT_MS = 2_500;

type Settle = (reached: boolean, detail: string) => void;

/** Gives the probe a clock; whatever it leaves open is closed. */
function within(timeoutMs: number, attempt: (settle: Settle) => () => void): Promise<ProbeResult> {
  return new Promise((resolve) => {
    let close: () => void = () => undefined;
    const timer = setTimeout(() => settle(false, 'no answer'), timeoutMs);
    const settle: Settle = (reached, detail) => {
      clearTimeout(timer);
      close();
      resolve({ reached, detail: detail.replace(/\s+/g, ' ').trim().slice(0, 160) });
    };
    close = attempt(settle);
  });
}

const codeOf = (error: unknown) => (error as { code?: string }).code ?? String(error);

/** Collects what a socket says until it matches, ends or fails. */
function listen(socket: Socket, expect: RegExp, settle: Settle): void {
  let said = '';
  socket.on('data', (chunk: Buffer) => {
    said += chunk.toString('latin1');
    if (expect.test(said)) settle(true, said.slice(0, 160));
  });
  socket.on('error', (error) => settle(false, said === '' ? codeOf(error) : said));
  socket.on('close', () => settle(expect.test(said), said === '' ? 'closed' : said));
}

function overTunnel(probe: Extract<Probe, { kind: 'connect' }>, settle: Settle): () => void {
  const { proxy, target, servername, hostHeader, path } = probe;
  const expect = new RegExp(probe.expect);
  const socket = connect(proxy.port, proxy.host, () => {
    socket.write(`CONNECT ${target} HTTP/1.1\r\nHost: ${target}\r\n\r\n`);
  });
  let head = '';
  const onHead = (chunk: Buffer) => {
    head += chunk.toString('latin1');
    if (!head.includes('\r\n\r\n')) return;
    socket.off('data', onHead);
    if (!/^HTTP\/1\.1 200/.test(head)) return settle(false, head);
    if (probe.plain !== undefined) {
      listen(socket, expect, settle);
      socket.write(probe.plain);
      return;
    }
    const inner = tlsConnect({ socket, servername, rejectUnauthorized: false }, () => {
      inner.write(`GET ${path} HTTP/1.1\r\nHost: ${hostHeader}\r\nConnection: close\r\n\r\n`);
    });
    listen(inner, expect, settle);
  };
  socket.on('data', onHead);
  socket.on('error', (error) => settle(false, codeOf(error)));
  socket.on('close', () => settle(false, head === '' ? 'closed' : head));
  return () => socket.destroy();
}

async function ask(probe: Extract<Probe, { kind: 'dns' }>): Promise<ProbeResult> {
  if (probe.tcp) return dnsOverTcp(probe);
  const resolver = new Resolver({ timeout: TIMEOUT_MS, tries: 1 });
  resolver.setServers([
    probe.server.includes(':')
      ? `[${probe.server}]:${probe.port ?? 53}`
      : `${probe.server}:${probe.port ?? 53}`,
  ]);
  try {
    return { reached: true, detail: (await resolver.resolve4(probe.name)).join(' ') };
  } catch (error) {
    return { reached: false, detail: codeOf(error) };
  }
}

function dnsOverTcp(probe: Extract<Probe, { kind: 'dns' }>): Promise<ProbeResult> {
  const labels = probe.name.split('.').flatMap((label) => [label.length, ...Buffer.from(label)]);
  const query = Buffer.from([0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, ...labels, 0, 0, 1, 0, 1]);
  const framed = Buffer.concat([Buffer.from([query.length >> 8, query.length & 255]), query]);
  return within(TIMEOUT_MS, (settle) => {
    const socket = connect(probe.port ?? 53, probe.server, () => socket.write(framed));
    socket.on('data', (chunk: Buffer) => settle(chunk.length > 14, `${chunk.length} bytes`));
    socket.on('error', (error) => settle(false, codeOf(error)));
    socket.on('close', () => settle(false, 'closed'));
    return () => socket.destroy();
  });
}

function shell(probe: Extract<Probe, { kind: 'shell' }>): Promise<ProbeResult> {
  return within(probe.timeoutMs ?? 10_000, (settle) => {
    const child = spawn('bash', ['-c', probe.command], { stdio: ['ignore', 'pipe', 'pipe'], detached: true });
    let said = '';
    const hear = (chunk: Buffer) => {
      said = (said + chunk.toString('utf8')).slice(-65_536);
    };
    child.stdout.on('data', hear);
    child.stderr.on('data', hear);
    child.on('error', (error) => settle(false, codeOf(error)));
    child.on('close', () => settle(new RegExp(probe.expect).test(said), said));
    return () => {
      if (child.exitCode === null && child.pid) process.kill(-child.pid, 'SIGKILL');
    };
  });
}

async function attempt(probe: Probe): Promise<ProbeResult> {
  switch (probe.kind) {
    case 'tcp':
      return within(TIMEOUT_MS, (settle) => {
        const socket = connect(probe.port, probe.host, () => {
          // Time for what is sent to arrive at the other side, which keeps a book.
          socket.write(probe.send ?? '', () => setTimeout(() => settle(true, 'connected'), 50));
        });
        socket.on('error', (error) => settle(false, codeOf(error)));
        return () => socket.destroy();
      });
    case 'tls':
      return within(TIMEOUT_MS, (settle) => {
        const { host, port, servername, send } = probe;
        const socket = tlsConnect({ host, port, servername, rejectUnauthorized: false }, () =>
          socket.write(send),
        );
        listen(socket, /HTTP\/1\.1/, settle);
        return () => socket.destroy();
      });
    case 'udp':
      return within(1_000, (settle) => {
        const socket = createSocket(probe.host.includes(':') ? 'udp6' : 'udp4');
        socket.on('message', (message) => settle(true, message.toString('latin1')));
        socket.on('error', (error) => settle(false, codeOf(error)));
        socket.send(probe.send, probe.port, probe.host, (error) => {
          if (error) settle(false, codeOf(error));
        });
        return () => socket.close();
      });
    case 'dns':
      return ask(probe);
    case 'lookup':
      return lookup(probe.name).then(
        ({ address }) => ({ reached: true, detail: address }),
        (error) => ({ reached: false, detail: codeOf(error) }),
      );
    case 'raw':
      // The gateway listens to a stream for three seconds.
      return within(TIMEOUT_MS * 2, (settle) => {
        const socket = connect(probe.port, probe.host, () => socket.write(probe.send));
        listen(socket, new RegExp(probe.expect), settle);
        return () => socket.destroy();
      });
    case 'connect':
      return within(TIMEOUT_MS * 2, (settle) => overTunnel(probe, settle));
    case 'shell':
      return shell(probe);
  }
}

const AT_ONCE = 8;

/** Only when run as a program; the battery imports the types alone. */
if (process.argv[2]?.startsWith('[')) {
  const probes = JSON.parse(process.argv[2]) as Probe[];
  let next = 0;
  const work = async () => {
    for (let index = next++; index < probes.length; index = next++) {
      const probe = probes[index];
      if (!probe) continue;
      const result = await attempt(probe).catch((error) => ({ reached: false, detail: String(error) }));
      process.stdout.write(`${JSON.stringify({ index, ...result })}\n`);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  process.exit(0);
}
