import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { removeStaleSettings, writePrivateSettings } from './settings-file.ts';

export const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..');

const wrangler = join(
  dirname(createRequire(import.meta.url).resolve('wrangler/package.json')),
  'bin/wrangler.js',
);

const quiet = {
  ...process.env,
  WRANGLER_SEND_METRICS: 'false',
  WRANGLER_HIDE_BANNER: 'true',
  CLOUDFLARE_CF_FETCH_ENABLED: 'false',
  // Its trace store keeps the address of every call on disk, and Telegram's addresses hold the bot token.
  X_LOCAL_OBSERVABILITY: 'false',
  NO_COLOR: '1',
  CI: '1',
};

const START_TIMEOUT_MS = 90_000;

export interface WorkerProcess {
  url: string;
  /** Calls the cron handler, which `wrangler dev` never does by itself. */
  tick(scheduledMs: number): Promise<void>;
  exited: Promise<number | null>;
  stop(): Promise<void>;
}

/** Applies the D1 migrations and serves the Worker in workerd; resolves when `/health` answers. */
export async function startWorker(options: {
  port: number;
  stateDir: string;
  settings: Record<string, string>;
  log: (line: string) => void;
}): Promise<WorkerProcess> {
  const { port, stateDir, settings, log } = options;
  const settingsFile = join(stateDir, 'private', `settings-${process.pid}-${port}.env`);
  removeStaleSettings(dirname(settingsFile));
  const removeSettings = writePrivateSettings(settingsFile, settings);
  const common = ['--config', join(root, 'wrangler.toml'), '--persist-to', stateDir];
  try {
    const migrate = ['d1', 'migrations', 'apply', 'DB', '--local', ...common];
    await promisify(execFile)(process.execPath, [wrangler, ...migrate], { cwd: root, env: quiet });
  } catch (error) {
    removeSettings();
    throw new Error(`the D1 migrations could not be applied to ${stateDir}: ${(error as Error).message}`);
  }
  const serve = [
    'dev',
    '--ip',
    '127.0.0.1',
    '--port',
    String(port),
    '--inspector-port',
    '0',
    '--env-file',
    settingsFile,
  ];
  const child = spawn(
    process.execPath,
    [wrangler, ...serve, ...common, '--show-interactive-dev-session=false'],
    {
      cwd: root,
      env: quiet,
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    },
  );
  const exited = new Promise<number | null>((done) => child.once('exit', (code) => done(code)));
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      for (const line of text.split('\n')) if (line.trim() !== '') log(line);
    });
  const url = `http://127.0.0.1:${port}`;
  const stop = async () => {
    kill(child, 'SIGTERM');
    const timer = setTimeout(() => kill(child, 'SIGKILL'), 5_000);
    await exited;
    clearTimeout(timer);
    kill(child, 'SIGKILL');
    removeSettings();
  };
  void exited.then(removeSettings);
  try {
    await healthy(url, exited);
  } catch (error) {
    await stop();
    throw error;
  }
  return { url, exited, stop, tick: (scheduledMs) => tick(url, scheduledMs) };
}

/** workerd is a grandchild: the whole process group goes. */
function kill(child: ChildProcess, signal: NodeJS.Signals): void {
  try {
    if (child.pid !== undefined) process.kill(-child.pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

async function healthy(url: string, exited: Promise<number | null>): Promise<void> {
  const deadline = performance.now() + START_TIMEOUT_MS;
  let gone = false;
  void exited.then(() => {
    gone = true;
  });
  while (performance.now() < deadline) {
    if (gone) throw new Error('the Worker stopped before it was ready; its output is above');
    const answer = await fetch(`${url}/health`, { signal: AbortSignal.timeout(5_000) }).catch(() => null);
    if (answer) return;
    await new Promise((next) => setTimeout(next, 200));
  }
  throw new Error(`the Worker did not answer within ${START_TIMEOUT_MS / 1_000} s`);
}

async function tick(url: string, scheduledMs: number): Promise<void> {
  const query = `cron=${encodeURIComponent('* * * * *')}&time=${scheduledMs}`;
  const answer = await fetch(`${url}/cdn-cgi/handler/scheduled?${query}`, {
    signal: AbortSignal.timeout(50_000),
  });
  await answer.body?.cancel();
}
