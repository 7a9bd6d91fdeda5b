import { createServer as createHttp } from 'node:http';
import { type AddressInfo, createServer, connect as tcpConnect } from 'node:net';
import { connect as tlsConnect } from 'node:tls';
import { afterEach, describe, expect, it } from 'vitest';
import { readClientHello } from './client-hello.ts';
import { openTunnels } from './tunnel.ts';
import { decideAddress, decideHello, decideTarget, isTunnelHost } from './tunnel-policy.ts';

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

/** The first bytes that a real TLS client sends. */
async function helloFor(servername: string): Promise<Buffer> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const bytes = new Promise<Buffer>((resolve) =>
    server.once('connection', (socket) => socket.once('data', resolve)),
  );
  const client = tlsConnect({ host: '127.0.0.1', port, servername, rejectUnauthorized: false });
  client.on('error', () => undefined);
  closing.push(() => {
    client.destroy();
    server.close();
  });
  return bytes;
}

describe('a ClientHello', () => {
  it('names its server, whole or cut into pieces', async () => {
    const bytes = await helloFor('api.example.com');
    expect(readClientHello(bytes)).toEqual({
      kind: 'hello',
      serverName: 'api.example.com',
      encrypted: false,
    });
    for (const size of [1, 5, 6, 43, bytes.length - 1])
      expect(readClientHello(bytes.subarray(0, size))).toEqual({ kind: 'incomplete' });
    // The same handshake in records of 20 bytes.
    const message = bytes.subarray(5);
    const records: Buffer[] = [];
    for (let at = 0; at < message.length; at += 20) {
      const part = message.subarray(at, at + 20);
      records.push(Buffer.from([22, 3, 1, part.length >> 8, part.length & 255]), part);
    }
    expect(readClientHello(Buffer.concat(records))).toMatchObject({ serverName: 'api.example.com' });
  });

  it('is not what else may come', () => {
    for (const text of [
      'GET / HTTP/1.1\r\n\r\n',
      'SSH-2.0-x\r\n',
      '\x16\x02\x01\x00\x05\x01\x00\x00\x01\x00',
    ])
      expect(readClientHello(Buffer.from(text, 'latin1')).kind).toBe('invalid');
  });

  it('never throws, whatever byte is changed', async () => {
    const bytes = await helloFor('api.example.com');
    for (let at = 0; at < bytes.length; at++) {
      for (const value of [0, 1, 255]) {
        const broken = Buffer.from(bytes);
        broken[at] = value;
        expect(() => readClientHello(broken)).not.toThrow();
      }
    }
  });
});

describe('the decisions of a tunnel', () => {
  const hosts = ['api.example.com'];

  it('takes names that a policy opted in, on port 443', () => {
    expect(decideTarget('api.example.com:443', hosts)).toEqual({ ok: true, host: 'api.example.com' });
    expect(decideTarget('API.example.com:443', hosts)).toEqual({ ok: true, host: 'api.example.com' });
  });

  it.each([
    'api.example.com:22',
    'api.example.com',
    'api.example.com:0443',
    'api.example.com.:443',
    'other.example.com:443',
    'xapi.example.com:443',
    '1.2.3.4:443',
    '[::1]:443',
    'user@api.example.com:443',
    'api.example.com:443/x',
    'api.example.com\0.evil:443',
    '/api.example.com:443',
    '',
  ])('refuses %s', (target) => expect(decideTarget(target, hosts).ok).toBe(false));

  it('takes no address for a name', () => {
    for (const host of ['1.2.3.4', '0x7f.1', 'localhost', 'a..b', '-a.example', 'ex ample.com', '1.2.3.0x4'])
      expect(isTunnelHost(host)).toBe(false);
  });

  it('wants every address public', () => {
    expect(decideAddress(['1.1.1.1', '2606:4700::1'])).toEqual({ ok: true, address: '1.1.1.1' });
    expect(decideAddress(['1.1.1.1', '10.0.0.1']).ok).toBe(false);
    expect(decideAddress([]).ok).toBe(false);
  });

  it('wants the server name to be the host', async () => {
    const hello = await helloFor('api.example.com');
    expect(decideHello(hello, 'api.example.com')).toEqual({ ok: true });
    expect(decideHello(hello, 'other.example.com')).toMatchObject({ ok: false });
    expect(decideHello(hello.subarray(0, 30), 'api.example.com')).toBeNull();
  });
});

it('asks the resolver once, refuses what is not public, and says each decision', async () => {
  const asked: string[] = [];
  const lines: string[] = [];
  const tunnels = openTunnels({
    hosts: ['inner.example.com'],
    resolve: async (host) => {
      asked.push(host);
      return ['169.254.169.254'];
    },
    log: (line) => lines.push(line),
  });
  const server = createHttp().on('connect', (incoming, socket, head) => {
    void tunnels.handle(incoming, socket, head);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  closing.push(() => server.close(), tunnels.close);
  const answer = (target: string) =>
    new Promise<string>((resolve) => {
      let said = '';
      const socket = tcpConnect(port, '127.0.0.1', () =>
        socket.write(`CONNECT ${target} HTTP/1.1\r\nHost: ${target}\r\n\r\n`),
      );
      socket.on('data', (chunk: Buffer) => {
        said += chunk.toString();
      });
      socket.on('close', () => resolve(said));
    });
  expect(await answer('inner.example.com:443')).toContain('403 Forbidden');
  expect(await answer('other.example.com:443')).toContain('no tunnel');
  expect(asked).toEqual(['inner.example.com']);
  expect(lines).toHaveLength(2);
  expect(lines[0]).toContain('169.254.169.254');
});
