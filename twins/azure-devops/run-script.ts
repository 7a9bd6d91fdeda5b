/** Runs one script with bash in its own process group, its output in the order it was written. */
import { spawn } from 'node:child_process';
import { StringDecoder } from 'node:string_decoder';
import { lineCutter } from './build-log.ts';

export type ScriptRun = {
  scriptFile: string;
  cwd: string;
  env: Record<string, string>;
  timeoutMs: number;
  signal: AbortSignal;
  onLine: (line: string) => void;
};

export type ScriptEnd = { how: 'exited'; exitCode: number } | { how: 'timedOut' } | { how: 'canceled' };

export function runScript(run: ScriptRun): Promise<ScriptEnd> {
  return new Promise((resolve, reject) => {
    if (run.signal.aborted) {
      resolve({ how: 'canceled' });
      return;
    }
    // The inner bash inherits one pipe for both streams: only so does their order survive.
    const child = spawn(
      'bash',
      ['--noprofile', '--norc', '-c', 'exec bash --noprofile --norc "$1" 2>&1', '-', run.scriptFile],
      { cwd: run.cwd, env: run.env, stdio: ['ignore', 'pipe', 'ignore'], detached: true },
    );
    let stoppedBy: 'timedOut' | 'canceled' | undefined;
    const stop = (why: 'timedOut' | 'canceled'): void => {
      stoppedBy ??= why;
      killGroup(child.pid);
    };
    const timer = setTimeout(() => stop('timedOut'), run.timeoutMs);
    const onAbort = (): void => stop('canceled');
    run.signal.addEventListener('abort', onAbort, { once: true });
    const decoder = new StringDecoder('utf8');
    const cutter = lineCutter(run.onLine);
    child.stdout?.on('data', (chunk: Buffer) => cutter.push(decoder.write(chunk)));
    child.on('error', reject);
    // What a step leaves running would hold the pipe open, and outlive its build.
    child.on('exit', () => killGroup(child.pid));
    child.on('close', (code, killSignal) => {
      clearTimeout(timer);
      run.signal.removeEventListener('abort', onAbort);
      cutter.push(decoder.end());
      cutter.rest();
      resolve(stoppedBy ? { how: stoppedBy } : { how: 'exited', exitCode: code ?? (killSignal ? 137 : 1) });
    });
  });
}

function killGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // The group is gone already.
  }
}
