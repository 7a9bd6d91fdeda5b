import { execFile, spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import type { Who } from './attack.ts';
import type { Probe, ProbeResult } from './probes.ts';

const run = promisify(execFile);

export async function docker(...args: string[]): Promise<string> {
  const { stdout } = await run('docker', args, { maxBuffer: 64 * 1024 * 1024 });
  return stdout.trim();
}

const program = readFile(join(import.meta.dirname, 'probes.ts'), 'utf8');

/** Runs probes in a container, as its user or as root within; the container's walls are the same for both. */
export async function probeIn(container: string, who: Who, probes: Probe[]): Promise<ProbeResult[]> {
  const user = who === 'root' ? '0:0' : '10001:10001';
  const child = spawn(
    'docker',
    [
      ...['exec', '-i', '-u', user, container],
      ...['node', '--input-type=module-typescript', '--no-warnings', '-', JSON.stringify(probes)],
    ],
    { stdio: ['pipe', 'pipe', 'pipe'] },
  );
  const results: ProbeResult[] = [];
  let complaint = '';
  child.stderr.on('data', (chunk: Buffer) => {
    complaint = (complaint + chunk.toString('utf8')).slice(-2_000);
  });
  createInterface({ input: child.stdout }).on('line', (line) => {
    const { index, ...result } = JSON.parse(line) as ProbeResult & { index: number };
    results[index] = result;
  });
  child.stdin.end(await program);
  await new Promise<void>((resolve) => child.once('close', () => resolve()));
  return probes.map((_probe, index) => {
    const result = results[index];
    // A probe that never reported has proved nothing.
    if (!result) throw new Error(`a probe in ${container} died: ${complaint}`);
    return result;
  });
}

/** The same image without walls: where controls run. */
export async function openContainer(
  image: string,
  name: string,
): Promise<{ name: string; close(): Promise<void> }> {
  const close = async () => void (await docker('rm', '--force', '--volumes', name));
  await docker(
    ...['run', '--detach', '--init', '--name', name, '--label', 'dogwatch.attack=true'],
    ...['--network', 'host', '--pid', 'host', '--user', '0:0'],
    // Not --privileged: that asks for rights which a host may not have to give.
    ...[
      '--cap-add',
      'SYS_ADMIN',
      '--cap-add',
      'SYS_PTRACE',
      '--cap-add',
      'NET_ADMIN',
      '--cap-add',
      'NET_RAW',
    ],
    ...['--security-opt', 'seccomp=unconfined', '--security-opt', 'apparmor=unconfined'],
    ...['--volume', '/var/run/docker.sock:/var/run/docker.sock', '--volume', '/:/host:ro'],
    ...['--tmpfs', '/workspace:mode=1777,exec', image, 'sleep', 'infinity'],
  ).catch(async (error) => {
    await close();
    throw error;
  });
  return { name, close };
}
