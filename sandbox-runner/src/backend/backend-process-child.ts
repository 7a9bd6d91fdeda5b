import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { dirname } from 'node:path';
import type { Readable } from 'node:stream';

/** What a child may know: where programs are, where its own folders are, nothing of the runner's settings. */
export function childEnvironment(home: string, extra: Record<string, string>): NodeJS.ProcessEnv {
  return {
    PATH: `${dirname(process.execPath)}:${process.env.PATH ?? '/usr/bin:/bin'}`,
    HOME: home,
    TMPDIR: home,
    LANG: 'C.UTF-8',
    GIT_CONFIG_NOSYSTEM: '1',
    ...extra,
  };
}

export interface RunningChild {
  exited: Promise<number>;
  kill(): void;
}

/** Starts a program as leader of its own process group, so that a kill reaches what it started. */
export function startChild(
  command: string[],
  options: { folder: string; env: NodeJS.ProcessEnv; stdin?: Readable; onOutput?: (chunk: Buffer) => void },
): RunningChild {
  const [program = '', ...args] = command;
  const child: ChildProcess = spawn(program, args, {
    cwd: options.folder,
    env: options.env,
    detached: true,
    stdio: [options.stdin ? 'pipe' : 'ignore', 'pipe', 'pipe'],
  });
  const { onOutput } = options;
  if (onOutput) {
    child.stdout?.on('data', onOutput);
    child.stderr?.on('data', onOutput);
  } else {
    child.stdout?.resume();
    child.stderr?.resume();
  }
  if (options.stdin && child.stdin) {
    // A program that ends before it has read everything is no error of ours.
    child.stdin.on('error', () => undefined);
    options.stdin.pipe(child.stdin);
  }
  const exited = new Promise<number>((resolve) => {
    child.on('error', () => resolve(127));
    child.on('close', (code) => resolve(code ?? 137));
  });
  return {
    exited,
    kill() {
      if (child.pid === undefined) return;
      // Shells of the Agent SDK lead groups of their own: found by descent, before their parent is gone.
      const all = descendants(child.pid, processTable());
      for (const pid of [-child.pid, ...all]) {
        try {
          process.kill(pid, 'SIGKILL');
        } catch {
          // Gone already.
        }
      }
    },
  };
}

function processTable(): { pid: number; parent: number }[] {
  const listing = execFileSync('ps', ['-A', '-o', 'pid=,ppid='], { encoding: 'utf8' });
  return listing.split('\n').flatMap((line) => {
    const [pid, parent] = line.trim().split(/\s+/).map(Number);
    return pid && parent ? [{ pid, parent }] : [];
  });
}

/** All that descend from `root`, itself left out. Pure. */
export function descendants(root: number, table: { pid: number; parent: number }[]): number[] {
  const found = [root];
  for (const parent of found) {
    for (const entry of table)
      if (entry.parent === parent && !found.includes(entry.pid)) found.push(entry.pid);
  }
  return found.slice(1);
}
