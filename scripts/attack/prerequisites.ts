import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Program and the Debian package that brings it. */
const TOOLS = { ip: 'iproute2', iptables: 'iptables', openssl: 'openssl', git: 'git' };

const has = (program: string) =>
  run('sh', ['-c', `command -v ${program}`]).then(
    () => true,
    () => false,
  );

/** Network namespaces need root on Linux; tools that are missing are installed where apt can. */
export async function ensureTools(progress: (line: string) => void): Promise<void> {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) {
    console.error('The attack battery builds network namespaces: run it as root on Linux.');
    process.exit(2);
  }
  const missing: string[] = [];
  for (const [program, name] of Object.entries(TOOLS)) if (!(await has(program))) missing.push(name);
  if (missing.length === 0) return;
  progress(`installing ${missing.join(', ')}`);
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  await run('apt-get', ['update', '-q'], { env });
  await run('apt-get', ['install', '-y', '-q', '--no-install-recommends', ...missing], { env });
}
