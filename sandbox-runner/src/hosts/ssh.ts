import { spawn } from 'node:child_process';
import { readFile, rm } from 'node:fs/promises';
import type { HostFailure } from '../../../core/contracts/host-command.ts';
import { quotePosix } from '../../../core/hosts/posix-quote.ts';
import type { Host } from './host-settings.ts';
import { CONNECT_TIMEOUT_S, KILL_AFTER_S, sshArguments } from './ssh-arguments.ts';
import { readSshEnd } from './ssh-failure.ts';

export interface SshTarget {
  name: string;
  host: Host;
  knownHosts: string;
  /** A fresh path for ssh's own log. */
  log: string;
  /** See `OWN_CONNECTION` and its like. */
  connection: string[];
  shared: boolean;
}

export interface SshRun {
  end: { kind: 'exited'; exitCode: number } | { kind: 'failed'; code: HostFailure };
  /** stdout and stderr as they came, at most `maxBytes`. */
  output: Buffer;
  outputBytes: number;
  durationMs: number;
  /** What ssh itself said; for our own log only, for it names addresses. */
  sshLog: string;
}

/** Nothing of the runner's environment: no agent socket, no configuration, no display. */
export const sshEnvironment = (): NodeJS.ProcessEnv => ({ PATH: process.env.PATH, LC_ALL: 'C.UTF-8' });

/** The string that the other side's shell reads. Ends by itself there, and speaks one language. */
export function remoteCommand(argv: readonly string[], sudo: boolean, timeoutMs: number): string | null {
  const quoted = quotePosix(sudo ? ['sudo', '-n', '--', ...argv] : argv);
  const seconds = Math.max(1, Math.ceil(timeoutMs / 1_000));
  return quoted.ok ? `LC_ALL=C.UTF-8 timeout -k ${KILL_AFTER_S} ${seconds} ${quoted.command}` : null;
}

export interface SshLimits {
  timeoutMs: number;
  maxBytes: number;
}

/** Executes one command. Never throws for what hosts and networks do. */
export const runSsh = (target: SshTarget, command: string, limits: SshLimits): Promise<SshRun> =>
  startSsh(target, command, limits).ended;

/** A command, or with null a connection that only stands, for others to share. */
export function startSsh(
  target: SshTarget,
  command: string | null,
  limits: SshLimits,
): { ended: Promise<SshRun>; stop: () => void } {
  const stop = new AbortController();
  return { ended: run(target, command, limits, stop.signal), stop: () => stop.abort() };
}

async function run(
  target: SshTarget,
  command: string | null,
  limits: SshLimits,
  stop: AbortSignal,
): Promise<SshRun> {
  const { name, host, knownHosts, log, connection } = target;
  const args = sshArguments(name, host, { knownHosts, log }, connection);
  if (command === null) args.unshift('-N');
  else args.push(command);
  const began = performance.now();
  const child = spawn('ssh', args, { stdio: ['ignore', 'pipe', 'pipe'], env: sshEnvironment() });
  const chunks: Buffer[] = [];
  let outputBytes = 0;
  let keptBytes = 0;
  const take = (chunk: Buffer) => {
    outputBytes += chunk.length;
    const kept = chunk.subarray(0, Math.max(0, limits.maxBytes - keptBytes));
    keptBytes += kept.length;
    if (kept.length > 0) chunks.push(kept);
  };
  child.stdout.on('data', take);
  child.stderr.on('data', take);
  const lastResortMs = limits.timeoutMs + (CONNECT_TIMEOUT_S + KILL_AFTER_S + 5) * 1_000;
  let isKilled = false;
  stop.addEventListener('abort', () => child.kill('SIGTERM'), { once: true });
  const timer = setTimeout(() => {
    isKilled = true;
    child.kill('SIGKILL');
  }, lastResortMs);
  const exit = await new Promise<{ code: number } | { error: NodeJS.ErrnoException }>((done) => {
    child.once('error', (error) => done({ error }));
    child.once('close', (code) => done({ code: code ?? 255 }));
  });
  clearTimeout(timer);
  const sshLog = await readFile(log, 'utf8').catch(() => '');
  await rm(log, { force: true });
  const durationMs = Math.round(performance.now() - began);
  const ran = { output: Buffer.concat(chunks), outputBytes, durationMs, sshLog };
  const failed = (code: HostFailure): SshRun => ({ ...ran, end: { kind: 'failed', code } });
  if ('error' in exit) return failed('ssh_unavailable');
  if (isKilled) return failed('command_timeout');
  const isTimeout = (exit.code === 124 || exit.code === 137) && durationMs >= limits.timeoutMs;
  return isTimeout
    ? failed('command_timeout')
    : { ...ran, end: readSshEnd(exit.code, sshLog, target.shared) };
}
