import { execFile, spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import {
  FAR_ADDRESSES,
  FAR_SIDE,
  FAR_V6,
  HOST_ADDRESSES,
  HOST_SIDE,
  HOST_V6,
  METADATA,
  NAMESPACE,
  nameOf,
  PUBLIC_NET,
} from './addresses.ts';

const run = promisify(execFile);
const ip = (...args: string[]) => run('ip', args);

/** One contact that a host of the outside had. */
export interface Contact {
  service: string;
  from: string;
  text: string;
}

export interface Outside {
  /** What every host of it answers with. */
  marker: string;
  contacts(): Contact[];
  close(): Promise<void>;
}

async function takeDown(): Promise<void> {
  await ip('link', 'del', HOST_SIDE).catch(() => undefined);
  await ip('netns', 'del', NAMESPACE).catch(() => undefined);
}

async function putUp(): Promise<void> {
  await takeDown();
  await ip('netns', 'add', NAMESPACE);
  await ip('link', 'add', HOST_SIDE, 'type', 'veth', 'peer', 'name', FAR_SIDE, 'netns', NAMESPACE);
  const far = (...args: string[]) => ip('-n', NAMESPACE, ...args);
  for (const address of HOST_ADDRESSES) await ip('addr', 'add', address, 'dev', HOST_SIDE);
  for (const address of FAR_ADDRESSES) await far('addr', 'add', address, 'dev', FAR_SIDE);
  for (const address of HOST_V6) await ip('-6', 'addr', 'add', address, 'dev', HOST_SIDE, 'nodad');
  for (const address of FAR_V6) await far('-6', 'addr', 'add', address, 'dev', FAR_SIDE, 'nodad');
  await ip('link', 'set', HOST_SIDE, 'up');
  await far('link', 'set', 'lo', 'up');
  await far('link', 'set', FAR_SIDE, 'up');
  // The way back for whatever address gets out.
  await far('route', 'add', 'default', 'via', `${PUBLIC_NET}.1`);
  await ip('route', 'replace', `${METADATA}/32`, 'dev', HOST_SIDE);
}

/** A key and a certificate, signed by a CA of our own, for every name of the outside. */
async function certificates(folder: string): Promise<{ key: string; certificate: string }> {
  const file = (name: string) => join(folder, name);
  const openssl = (...args: string[]) => run('openssl', args);
  const fresh = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  await openssl(
    ...['req', '-x509', ...fresh, '-days', '2', '-subj', '/CN=attack battery CA'],
    ...['-keyout', file('ca.key'), '-out', file('ca.pem')],
  );
  await openssl(
    ...['req', ...fresh, '-subj', '/CN=outside', '-addext', `subjectAltName=DNS:${nameOf('*')}`],
    ...['-keyout', file('outside.key'), '-out', file('outside.csr')],
  );
  await openssl(
    ...['x509', '-req', '-days', '2', '-copy_extensions', 'copy', '-in', file('outside.csr')],
    ...['-CA', file('ca.pem'), '-CAkey', file('ca.key'), '-CAcreateserial', '-out', file('outside.pem')],
  );
  return { key: file('outside.key'), certificate: file('outside.pem') };
}

/** Builds the outside in a network namespace and starts its hosts. Needs root; undone by `close`. */
export async function buildOutside(folder: string, marker: string): Promise<Outside> {
  const { key, certificate } = await certificates(folder);
  await putUp();
  const program = join(import.meta.dirname, 'outside-server.ts');
  const child = spawn(
    'ip',
    ['netns', 'exec', NAMESPACE, process.execPath, program, marker, key, certificate],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const contacts: Contact[] = [];
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const ready = new Promise<void>((resolve, reject) => {
    createInterface({ input: child.stdout }).on('line', (line) => {
      const message = JSON.parse(line) as Contact | 'ready';
      if (message === 'ready') resolve();
      else contacts.push(message);
    });
    child.once('exit', (code) => reject(new Error(`the outside ended with ${code}`)));
  });
  try {
    await ready;
  } catch (error) {
    await takeDown();
    throw error;
  }
  return {
    marker,
    contacts: () => [...contacts],
    async close() {
      child.kill('SIGKILL');
      await gone;
      await takeDown();
    },
  };
}
