import { execFile, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { docker, ensureHostImage } from './image.ts';

export interface HostTwinContainer {
  name: string;
  image?: string;
  status?: 'running' | 'exited';
  cpuPercent?: number;
  memoryPercent?: number;
  restarts?: number;
  env?: Record<string, string>;
  log?: string;
}

export interface HostTwinOptions {
  containers?: HostTwinContainer[];
  units?: Record<string, 'active' | 'inactive' | 'failed'>;
  volumes?: string[];
  progress?: (line: string) => void;
}

/** A server in a container: sshd and files are real, `docker` and `systemctl` keep their state in files. */
export interface HostTwin {
  address: string;
  port: number;
  user: string;
  /** What it shows now, as `ssh-ed25519 AAAA…`. */
  hostKeys: string[];
  identityFile: string;
  /** The strings that SSH clients sent, in order. */
  commands(): Promise<string[]>;
  /** How often somebody was let in. */
  logins(): Promise<number>;
  /** As root on the server, not over SSH: gives stdout, throws when it fails. */
  exec(...argv: string[]): Promise<string>;
  writeFile(path: string, content: string): Promise<void>;
  setContainer(container: HostTwinContainer): Promise<void>;
  setUnit(name: string, state: 'active' | 'inactive' | 'failed'): Promise<void>;
  /** What `df`, `free` or `uptime` answer from now on; null: the truth. */
  say(program: 'df' | 'free' | 'uptime', output: string | null): Promise<void>;
  /** Gives it another host key, as a rebuilt server has; `hostKeys` tells the new one. */
  changeHostKey(): Promise<void>;
  /** Nobody is let in any more with the key of `identityFile`. */
  revokeAccess(): Promise<void>;
  /** Stands still: connections are taken and never answered. */
  freeze(): Promise<void>;
  thaw(): Promise<void>;
  close(): Promise<void>;
}

const STATE = '/var/lib/host-twin';
const START_TIMEOUT_MS = 20_000;

async function newKey(path: string): Promise<string> {
  await promisify(execFile)('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'twin', '-f', path]);
  return (await readFile(`${path}.pub`, 'utf8')).split(' ').slice(0, 2).join(' ');
}

/** Starts a server. Needs a Docker engine and ssh-keygen; the first one takes the time of an `apt-get install`. */
export async function createHostTwin(options: HostTwinOptions = {}): Promise<HostTwin> {
  const image = await ensureHostImage(options.progress);
  const folder = await mkdtemp(join(tmpdir(), 'dogwatch-host-'));
  const container = `dogwatch-host-twin-${randomUUID().slice(0, 8)}`;
  const identityFile = join(folder, 'identity');
  const publicKey = await newKey(identityFile);
  await docker(
    'run',
    '-d',
    '--name',
    container,
    '--label',
    'dogwatch.twin=hosts',
    '-p',
    '127.0.0.1::22',
    image,
  );

  const exec = (...argv: string[]) => docker('exec', container, ...argv);
  async function writeFile(path: string, content: string): Promise<void> {
    const child = spawn('docker', ['exec', '-i', container, 'sh', '-c', 'cat > "$1"', 'sh', path], {
      stdio: ['pipe', 'ignore', 'inherit'],
    });
    child.stdin.end(content);
    const code = await new Promise((done) => child.once('close', done));
    if (code !== 0) throw new Error(`${path} was not written on the host twin`);
  }
  async function setContainer(given: HostTwinContainer): Promise<void> {
    const home = `${STATE}/containers/${given.name}`;
    await exec('mkdir', '-p', home);
    const files: Record<string, string> = {
      image: given.image ?? 'app:1',
      status: given.status ?? 'running',
      cpu: String(given.cpuPercent ?? 0.1),
      memory: String(given.memoryPercent ?? 9.77),
      restarts: String(given.restarts ?? 0),
      env: Object.entries(given.env ?? {})
        .map(([name, value]) => `${name}=${value}`)
        .join('\n'),
      log: given.log ?? '',
    };
    for (const [name, content] of Object.entries(files)) await writeFile(`${home}/${name}`, content);
    await exec('chmod', '-R', 'a+rwX', home);
  }
  const setUnit: HostTwin['setUnit'] = async (name, state) => {
    await writeFile(`${STATE}/units/${name}`, `${state}\n`);
    await exec('chmod', 'a+rw', `${STATE}/units/${name}`);
  };
  let keys = 0;
  async function changeHostKey(): Promise<void> {
    const path = join(folder, `host-key-${++keys}`);
    twin.hostKeys = [await newKey(path)];
    await writeFile('/etc/ssh/host_key.new', await readFile(path, 'utf8'));
    await exec('sh', '-c', 'chmod 600 /etc/ssh/host_key.new && mv /etc/ssh/host_key.new /etc/ssh/host_key');
    await exec('sh', '-c', 'pkill -x sshd || true');
    await untilItAnswers();
  }
  async function untilItAnswers(): Promise<void> {
    const deadline = performance.now() + START_TIMEOUT_MS;
    const shown = () =>
      promisify(execFile)('ssh-keyscan', ['-T', '2', '-t', 'ed25519', '-p', String(twin.port), twin.address]);
    while (performance.now() < deadline) {
      const { stdout } = await shown().catch(() => ({ stdout: '' }));
      if (stdout.includes(twin.hostKeys[0] ?? '-')) return;
      await sleep(50);
    }
    throw new Error(`the host twin does not answer: ${await exec('tail', '-n', '5', '/var/log/sshd.log')}`);
  }

  const twin: HostTwin = {
    address: '127.0.0.1',
    port: Number((await docker('port', container, '22')).trim().split(':').at(-1)),
    user: 'ops',
    hostKeys: [],
    identityFile,
    commands: async () => (await exec('cat', `${STATE}/commands`)).split('\0').slice(0, -1),
    logins: async () =>
      Number(await exec('sh', '-c', 'grep -c "Accepted publickey" /var/log/sshd.log || true')),
    exec,
    writeFile,
    setContainer,
    setUnit,
    async say(program, output) {
      if (output === null) await exec('rm', '-f', `${STATE}/says/${program}`);
      else await writeFile(`${STATE}/says/${program}`, output);
    },
    changeHostKey,
    revokeAccess: async () => {
      await exec('rm', '/home/ops/.ssh/authorized_keys');
    },
    freeze: async () => {
      await docker('pause', container);
    },
    thaw: async () => {
      await docker('unpause', container);
    },
    async close() {
      await docker('rm', '-f', container).catch(() => '');
      await rm(folder, { recursive: true, force: true });
    },
  };
  try {
    await exec('install', '-d', '-m', '700', '-o', 'ops', '-g', 'ops', '/home/ops/.ssh');
    await writeFile('/home/ops/.ssh/authorized_keys', `${publicKey}\n`);
    await exec('chown', 'ops:ops', '/home/ops/.ssh/authorized_keys');
    for (const each of options.containers ?? []) await setContainer(each);
    for (const [name, state] of Object.entries(options.units ?? {})) await setUnit(name, state);
    for (const name of options.volumes ?? [])
      await exec('install', '-d', '-m', '777', `${STATE}/volumes/${name}`);
    await changeHostKey();
  } catch (error) {
    await twin.close();
    throw error;
  }
  return twin;
}
