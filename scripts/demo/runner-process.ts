import { spawn } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { hostNetwork } from '../../twins/azure-devops/host-network.ts';
import { root } from '../dev/worker-process.ts';

export interface RunnerProcess {
  url: string;
  logFile: string;
  stop(): Promise<void>;
  kill(): Promise<void>;
}

/** Building the agent image for the first time takes minutes. */
const START_TIMEOUT_MS = 15 * 60_000;

/** Starts the sandbox runner; resolves when it listens and has its agent image. Until then its lines go to `progress`. */
export async function startRunner(options: {
  name: string;
  environment: Record<string, string>;
  logDir: string;
  progress: (line: string) => void;
  signal: AbortSignal;
}): Promise<RunnerProcess> {
  const logFile = join(options.logDir, `runner-${options.name}.log`);
  const log = createWriteStream(logFile, { flags: 'a' });
  const { PATH, HOME, DOCKER_HOST } = process.env;
  const inherited = { PATH, HOME, DOCKER_HOST, ...hostNetwork(process.env).ciEnv };
  const child = spawn(process.execPath, [join(root, 'sandbox-runner/src/index.ts')], {
    cwd: root,
    env: { ...inherited, ...options.environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  child.stderr.pipe(log, { end: false });
  const exited = new Promise<number | null>((done) => child.once('exit', (code) => done(code)));
  const ready = new Promise<string>((done) => {
    let rest = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      log.write(text);
      const lines = (rest + text).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        const match = /^ready (\S+)/.exec(line);
        if (match?.[1]) done(match[1]);
        else if (!isPrepared && line.trim() !== '') options.progress(messageOf(line));
      }
    });
  });
  let isPrepared = false;
  const stop = async () => {
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), 20_000);
    await exited;
    clearTimeout(timer);
    log.end();
  };
  const kill = async () => {
    child.kill('SIGKILL');
    await exited;
  };
  const onAbort = () => void stop();
  options.signal.addEventListener('abort', onAbort, { once: true });
  const timeout = AbortSignal.timeout(START_TIMEOUT_MS);
  const failed = exited.then((code) => {
    throw new Error(`the runner stopped with code ${code}; its log is ${logFile}`);
  });
  const late = new Promise<never>((_, fail) => {
    timeout.addEventListener('abort', () =>
      fail(new Error(`the runner is not ready; its log is ${logFile}`)),
    );
  });
  const url = await Promise.race([ready.then(untilImage), failed, late]).catch(async (error: Error) => {
    await stop();
    throw error;
  });
  options.signal.removeEventListener('abort', onAbort);
  isPrepared = true;
  return { url, logFile, stop, kill };
}

async function untilImage(url: string): Promise<string> {
  for (;;) {
    const health = (await (await fetch(`${url}/health`)).json()) as {
      engine: string;
      problems: string[];
    };
    if (health.engine === 'ok') return url;
    if (health.engine === 'failing') throw new Error(`the runner cannot work: ${health.problems.join('; ')}`);
    await new Promise((next) => setTimeout(next, 500));
  }
}

/** A log line without its time and details. */
const messageOf = (line: string): string =>
  line
    .replace(/^\S+Z (info|warn|error) /, '')
    .replace(/ \{.*\}$/, '')
    .trim();
