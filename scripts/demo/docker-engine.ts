import { execFile, spawn } from 'node:child_process';
import { existsSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

export interface DockerEngine {
  version: string;
  /** Stops the engine when we started it; leaves it alone when it was there before. */
  release(): Promise<void>;
}

/** Many small networks are needed; the default pools end after 29. */
const ADDRESS_POOL = 'base=10.214.0.0/16,size=26';
const START_TIMEOUT_MS = 60_000;

async function engineVersion(): Promise<string | null> {
  try {
    const { stdout } = await run('docker', ['version', '--format', '{{.Server.Version}}'], {
      timeout: 10_000,
    });
    return stdout.trim() || null;
  } catch {
    return null;
  }
}

const WAY_OUT =
  'Install Docker (https://docs.docker.com/engine/install/) and start it, or run as root on Debian, or add --no-docker.';

/** A working Docker engine: the one that runs, else one that is installed and started (root on Debian). */
export async function acquireDockerEngine(
  logDir: string,
  progress: (line: string) => void,
): Promise<DockerEngine> {
  const running = await engineVersion();
  if (running) return { version: running, release: async () => {} };
  const isRoot = process.getuid?.() === 0;
  const isDebian = existsSync('/etc/debian_version');
  if (!isRoot || !isDebian) throw new Error(`No Docker engine answers. ${WAY_OUT}`);
  const needed = await Promise.all(['dockerd', 'debootstrap', 'iptables', 'ssh'].map(has));
  if (needed.includes(false)) {
    progress('installing the Docker engine (apt-get install docker.io debootstrap iptables openssh-client)');
    await aptInstall(['docker.io', 'debootstrap', 'iptables', 'ca-certificates', 'git', 'openssh-client']);
  }
  progress('starting dockerd');
  mkdirSync(logDir, { recursive: true });
  const logFile = join(logDir, 'dockerd.log');
  const log = openSync(logFile, 'a');
  const daemon = spawn('dockerd', ['--default-address-pool', ADDRESS_POOL], {
    detached: true,
    stdio: ['ignore', log, log],
  });
  const version = await waitForEngine(daemon, logFile);
  return {
    version,
    release: async () => {
      daemon.kill('SIGTERM');
      await new Promise((done) => {
        daemon.once('exit', done);
        setTimeout(done, 15_000).unref();
      });
    },
  };
}

async function waitForEngine(daemon: ReturnType<typeof spawn>, logFile: string): Promise<string> {
  const deadline = performance.now() + START_TIMEOUT_MS;
  while (performance.now() < deadline && daemon.exitCode === null) {
    const version = await engineVersion();
    if (version) return version;
    await new Promise((next) => setTimeout(next, 500));
  }
  const tail = readFileSync(logFile, 'utf8').split('\n').slice(-6).join('\n');
  throw new Error(`dockerd did not start. Its log ends with:\n${tail}\n${WAY_OUT}`);
}

async function has(program: string): Promise<boolean> {
  return run('sh', ['-c', `command -v ${program}`]).then(
    () => true,
    () => false,
  );
}

async function aptInstall(packages: string[]): Promise<void> {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  try {
    await run('apt-get', ['update', '-q'], { env });
    await run('apt-get', ['install', '-y', '-q', '--no-install-recommends', ...packages], {
      env,
      maxBuffer: 64 * 1024 * 1024,
    });
  } catch (error) {
    throw new Error(
      `apt-get could not install ${packages.join(' ')}: ${(error as Error).message}\n${WAY_OUT}`,
    );
  }
}
