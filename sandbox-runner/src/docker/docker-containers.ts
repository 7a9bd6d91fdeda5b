import { PassThrough, type Readable } from 'node:stream';
import type Docker from 'dockerode';
import { type Engine, ignoringAbsence } from './docker.ts';

export interface SandboxLimits {
  memoryMb: number;
  cpus: number;
  pids: number;
  /** The container's disk is memory: these count against `memoryMb` as they fill. */
  workspaceMb: number;
  homeMb: number;
  tmpMb: number;
}

export interface ContainerSpec {
  name: string;
  image: string;
  network: string;
  labels: Record<string, string>;
  env: Record<string, string>;
  command: string[];
  /** Null: the engine's default. */
  runtime: string | null;
  limits: SandboxLimits;
}

export interface ContainerExit {
  exitCode: number;
  outOfMemory: boolean;
}

export interface Container {
  id: string;
  name: string;
  exited: Promise<ContainerExit>;
  kill(): Promise<void>;
  remove(): Promise<void>;
  /** Runs a command within; output is stdout and stderr as they came. Rejects when the container dies. */
  exec(
    command: string[],
    options: { folder: string; stdin?: Readable; onOutput?: (chunk: Buffer) => void },
  ): Promise<number>;
}

const USER = '10001:10001';
const INODES_PER_MB = 64;

/** A folder in memory, for `agent` alone. Executable: builds and tests run there. */
const memoryFolder = (sizeMb: number) =>
  `rw,exec,nosuid,nodev,size=${sizeMb}m,nr_inodes=${sizeMb * INODES_PER_MB},mode=0700,uid=10001,gid=10001`;

export function containerOptions(spec: ContainerSpec): Docker.ContainerCreateOptions {
  const memoryBytes = spec.limits.memoryMb * 1024 * 1024;
  return {
    name: spec.name,
    Image: spec.image,
    Cmd: spec.command,
    User: USER,
    WorkingDir: '/workspace',
    Env: Object.entries(spec.env).map(([name, value]) => `${name}=${value}`),
    Labels: spec.labels,
    HostConfig: {
      ...(spec.runtime === null ? {} : { Runtime: spec.runtime }),
      NetworkMode: spec.network,
      // The engine's resolver would ask these from within the container: nobody listens there.
      Dns: ['127.0.0.1'],
      DnsOptions: ['timeout:1', 'attempts:1'],
      CapDrop: ['ALL'],
      SecurityOpt: ['no-new-privileges'],
      ReadonlyRootfs: true,
      Tmpfs: {
        '/workspace': memoryFolder(spec.limits.workspaceMb),
        '/home/agent': memoryFolder(spec.limits.homeMb),
        '/tmp': memoryFolder(spec.limits.tmpMb),
        // The engine's own has no limit of inodes.
        '/dev/shm': 'rw,noexec,nosuid,nodev,size=64m,nr_inodes=1024,mode=1777',
      },
      Memory: memoryBytes,
      // As much with swap as without: none.
      MemorySwap: memoryBytes,
      NanoCpus: Math.round(spec.limits.cpus * 1e9),
      PidsLimit: spec.limits.pids,
      Ulimits: [
        { Name: 'nofile', Soft: 8_192, Hard: 8_192 },
        { Name: 'core', Soft: 0, Hard: 0 },
        // Message queues and locked memory are kernel memory that no other limit bounds.
        { Name: 'msgqueue', Soft: 0, Hard: 0 },
        { Name: 'memlock', Soft: 65_536, Hard: 65_536 },
        { Name: 'sigpending', Soft: 4_096, Hard: 4_096 },
      ],
      Sysctls: { 'net.ipv6.conf.all.disable_ipv6': '1' },
      IpcMode: 'private',
      Init: true,
      RestartPolicy: { Name: 'no' },
      LogConfig: { Type: 'json-file', Config: { 'max-size': '4m', 'max-file': '1' } },
    },
  };
}

/** Creates and, when its walls stand, starts; what could not start is removed. `onLog` hears stdout and stderr. */
export async function startContainer(
  engine: Engine,
  spec: ContainerSpec,
  walls: Promise<void>,
  onLog: (chunk: Buffer) => void,
): Promise<Container> {
  const [created, walled] = await Promise.allSettled([engine.createContainer(containerOptions(spec)), walls]);
  if (created.status === 'rejected') throw created.reason;
  const container = created.value;
  try {
    if (walled.status === 'rejected') throw walled.reason;
    await container.start();
  } catch (error) {
    await ignoringAbsence(container.remove({ force: true }));
    throw error;
  }
  return attachContainer(engine, container, spec.name, onLog);
}

/** Follows a container that runs already: one just started, or one that an earlier process left. */
export async function attachContainer(
  engine: Engine,
  container: Docker.Container,
  name: string,
  onLog: (chunk: Buffer) => void,
): Promise<Container> {
  const logs = await container.logs({ follow: true, stdout: true, stderr: true });
  engine.modem.demuxStream(logs, sink(onLog), sink(onLog));

  const exited = container.wait().then(async (result: { StatusCode: number }) => {
    const state = await container.inspect().then(
      (facts) => facts.State,
      () => null,
    );
    return { exitCode: result.StatusCode, outOfMemory: state?.OOMKilled ?? false };
  });
  exited.catch(() => undefined);

  return {
    id: container.id,
    name,
    exited,
    kill: () => ignoringAbsence(container.kill({ signal: 'SIGKILL' })),
    remove: () => ignoringAbsence(container.remove({ force: true, v: true })),
    async exec(command, { folder, stdin, onOutput }) {
      const exec = await container.exec({
        Cmd: command,
        WorkingDir: folder,
        User: USER,
        AttachStdin: stdin !== undefined,
        AttachStdout: true,
        AttachStderr: true,
      });
      const stream = await exec.start({ hijack: true, stdin: stdin !== undefined });
      const output = sink(onOutput ?? (() => undefined));
      engine.modem.demuxStream(stream, output, output);
      if (stdin) {
        stdin.on('error', (error) => stream.destroy(error));
        stdin.pipe(stream);
      }
      await new Promise<void>((resolve, reject) => {
        stream.on('end', resolve);
        stream.on('close', resolve);
        stream.on('error', reject);
      });
      const { ExitCode } = await exec.inspect();
      // 137 is what a killed process leaves; an exec whose container died has no code at all.
      return ExitCode ?? 137;
    },
  };
}

function sink(onChunk: (chunk: Buffer) => void): PassThrough {
  const stream = new PassThrough();
  stream.on('data', onChunk);
  return stream;
}

export async function ownedContainers(
  engine: Engine,
  runner: string,
): Promise<{ id: string; name: string }[]> {
  const containers = await engine.listContainers({
    all: true,
    filters: { label: [`dogwatch.runner=${runner}`] },
  });
  return containers.map(({ Id, Names }) => ({ id: Id, name: (Names[0] ?? Id).replace(/^\//, '') }));
}

export async function removeContainer(engine: Engine, id: string): Promise<void> {
  await ignoringAbsence(engine.getContainer(id).remove({ force: true, v: true }));
}
