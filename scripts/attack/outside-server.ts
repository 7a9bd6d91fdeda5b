import { createSocket } from 'node:dgram';
import { type EventEmitter, once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer as createHttp, type RequestListener } from 'node:http';
import { createServer as createHttps } from 'node:https';
import { createServer as createTcp } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { FAR_ADDRESSES, FAR_V6 } from './addresses.ts';
import { answerQuery, questionOf } from './dns-message.ts';

/**
 * The hosts of the outside, all in one process within their network namespace: HTTP, HTTPS, SSH's port, DNS over
 * UDP and TCP, a UDP echo. Every contact is a line on stdout. `argv`: marker, key file, certificate file.
 */
const [, , marker = '', keyFile = '', certificateFile = ''] = process.argv;

const tell = (contact: { service: string; from: string; text: string }) =>
  process.stdout.write(`${JSON.stringify(contact)}\n`);

const serve =
  (service: string): RequestListener =>
  (incoming, answer) => {
    const { servername } = incoming.socket as TLSSocket;
    const text = `${incoming.method} ${incoming.url} ${JSON.stringify(incoming.headers)} sni=${servername}`;
    tell({ service, from: incoming.socket.remoteAddress ?? '', text });
    incoming.resume();
    answer.writeHead(200, { 'content-type': 'text/plain' });
    answer.end(`${marker} at ${incoming.socket.localAddress}\n`);
  };

function countConnections(service: string) {
  return (socket: { remoteAddress?: string | undefined }) =>
    tell({ service: `${service}-connection`, from: socket.remoteAddress ?? '', text: '' });
}

const http = createHttp(serve('http')).on('connection', countConnections('http')).listen(80, '::');
const https = createHttps({ key: readFileSync(keyFile), cert: readFileSync(certificateFile) }, serve('https'))
  .on('connection', countConnections('https'))
  .listen(443, '::');
const ssh = createTcp((socket) => {
  tell({ service: 'ssh', from: socket.remoteAddress ?? '', text: '' });
  socket.on('error', () => undefined);
  socket.end(`SSH-2.0-${marker}\r\n`);
}).listen(22, '::');

/** One socket for each address: an answer must come from the address that was asked. */
function openUdp(
  port: number,
  onMessage: (message: Buffer, from: string, reply: (data: Buffer) => void) => void,
) {
  return [...FAR_ADDRESSES, ...FAR_V6].map((each) => {
    const [address = ''] = each.split('/');
    const socket = createSocket(address.includes(':') ? { type: 'udp6', ipv6Only: true } : { type: 'udp4' });
    socket.on('message', (message, remote) =>
      onMessage(message, remote.address, (data) => socket.send(data, remote.port, remote.address)),
    );
    return socket.bind(port, address);
  });
}

const dnsUdp = openUdp(53, (message, from, reply) => {
  tell({ service: 'dns', from, text: questionOf(message)?.name ?? 'unreadable' });
  const answer = answerQuery(message);
  if (answer) reply(answer);
});
const dnsTcp = createTcp((socket) => {
  socket.on('error', () => undefined);
  socket.on('data', (chunk: Buffer) => {
    const message = chunk.subarray(2);
    tell({
      service: 'dns-tcp',
      from: socket.remoteAddress ?? '',
      text: questionOf(message)?.name ?? 'unreadable',
    });
    const answer = answerQuery(message);
    if (answer) socket.end(Buffer.concat([Buffer.from([answer.length >> 8, answer.length & 255]), answer]));
  });
}).listen(53, '::');
const echo = openUdp(4433, (message, from, reply) => {
  tell({ service: 'udp', from, text: message.toString('latin1') });
  reply(Buffer.from(marker));
});

const servers: EventEmitter[] = [http, https, ssh, dnsTcp, ...dnsUdp, ...echo];
await Promise.all(servers.map((server) => once(server, 'listening')));
process.stdout.write('"ready"\n');
