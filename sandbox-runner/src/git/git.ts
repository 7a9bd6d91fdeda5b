import { spawn } from 'node:child_process';

export interface GitResult {
  exitCode: number;
  stdout: Buffer;
  stderr: string;
}

export interface GitOptions {
  gitDir?: string;
  input?: Buffer;
  timeoutMs?: number;
  /** More output than this ends the command; default 16 MB. */
  maxOutputBytes?: number;
  /** Settings for this call alone; they travel in the environment, so a credential here is not on argv. */
  config?: Record<string, string>;
  /** Transports that may be used (`https`, `file`); default none. */
  protocols?: string[];
  /** Bounds CPU time and memory, for commands that unpack what a container sent. */
  confined?: boolean;
}

/** Git said no, or could not run. `stderr` may quote what Git was given: redact before showing. */
export class GitError extends Error {
  override name = 'GitError';
  readonly exitCode: number;
  readonly stderr: string;

  constructor(command: string, result: { exitCode: number; stderr: string }) {
    super(`git ${command} ended with ${result.exitCode}: ${result.stderr.trim().slice(-1_000)}`);
    this.exitCode = result.exitCode;
    this.stderr = result.stderr;
  }
}

/** Nothing of a repository, a user or a machine may add behaviour to the Git that we run. */
const FIXED_CONFIG = {
  'core.hooksPath': '/dev/null',
  'core.attributesFile': '/dev/null',
  'push.followTags': 'false',
  'core.fsmonitor': 'false',
  'core.bigFileThreshold': '10m',
  'core.quotePath': 'false',
  'gc.auto': '0',
  'http.followRedirects': 'false',
  'credential.helper': '',
  'submodule.recurse': 'false',
};

const DEFAULT_TIMEOUT_MS = 120_000;
const DEFAULT_MAX_OUTPUT_BYTES = 16 * 1_024 * 1_024;
const CONFINED_MEMORY_KB = 4 * 1_024 * 1_024;
const CONFINED_CPU_S = 60;

function environmentOf(options: GitOptions): NodeJS.ProcessEnv {
  const config = Object.entries({ ...FIXED_CONFIG, ...options.config });
  const environment: NodeJS.ProcessEnv = {
    PATH: process.env.PATH,
    HOME: '/nonexistent',
    LC_ALL: 'C',
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_TERMINAL_PROMPT: '0',
    GIT_NO_REPLACE_OBJECTS: '1',
    GIT_ALLOW_PROTOCOL: (options.protocols ?? []).join(':') || 'none',
    GIT_CONFIG_COUNT: String(config.length),
  };
  for (const [index, [key, value]] of config.entries()) {
    environment[`GIT_CONFIG_KEY_${index}`] = key;
    environment[`GIT_CONFIG_VALUE_${index}`] = value;
  }
  if (options.gitDir !== undefined) environment.GIT_DIR = options.gitDir;
  return environment;
}

/** Runs Git and answers whatever its exit code is; 124 when time or output ran out. */
export function runGit(args: string[], options: GitOptions = {}): Promise<GitResult> {
  const confine = `ulimit -v ${CONFINED_MEMORY_KB} 2>/dev/null; ulimit -t ${CONFINED_CPU_S}; exec git "$@"`;
  const [program, argv] = options.confined ? ['/bin/sh', ['-c', confine, 'git', ...args]] : ['git', args];
  const child = spawn(program, argv, { env: environmentOf(options), stdio: ['pipe', 'pipe', 'pipe'] });
  const maxOutputBytes = options.maxOutputBytes ?? DEFAULT_MAX_OUTPUT_BYTES;

  return new Promise((resolve, reject) => {
    const out: Buffer[] = [];
    let outBytes = 0;
    let stderr = '';
    let exhausted: string | null = null;
    const exhaust = (what: string) => {
      exhausted = what;
      child.kill('SIGKILL');
    };
    const timer = setTimeout(() => exhaust('ran out of time'), options.timeoutMs ?? DEFAULT_TIMEOUT_MS);
    child.stdout.on('data', (chunk: Buffer) => {
      outBytes += chunk.length;
      if (outBytes > maxOutputBytes) exhaust('had too much output');
      else out.push(chunk);
    });
    child.stderr.on('data', (chunk: Buffer) => {
      if (stderr.length < 65_536) stderr += chunk.toString('utf8');
    });
    child.on('error', (error) => {
      clearTimeout(timer);
      reject(error);
    });
    child.on('close', (code) => {
      clearTimeout(timer);
      if (exhausted) resolve({ exitCode: 124, stdout: Buffer.concat(out), stderr: `git ${exhausted}` });
      else resolve({ exitCode: code ?? 128, stdout: Buffer.concat(out), stderr });
    });
    // Git may close its end first (a refused pack); its exit code says so.
    child.stdin.on('error', () => {});
    child.stdin.end(options.input);
  });
}

/** Like `runGit`, for commands whose failure is not expected. Throws `GitError`. */
export async function git(args: string[], options: GitOptions = {}): Promise<Buffer> {
  const result = await runGit(args, options);
  if (result.exitCode !== 0) throw new GitError(args[0] ?? '', result);
  return result.stdout;
}

export async function gitText(args: string[], options: GitOptions = {}): Promise<string> {
  return (await git(args, options)).toString('utf8').trim();
}

/** The bytes of a blob at a path; null when the commit has none there. */
export async function readBlob(gitDir: string, commit: string, path: string): Promise<Buffer | null> {
  const result = await runGit(['cat-file', 'blob', `${commit}:${path}`], { gitDir });
  return result.exitCode === 0 ? result.stdout : null;
}

export async function isAncestor(gitDir: string, ancestor: string, commit: string): Promise<boolean> {
  const result = await runGit(['merge-base', '--is-ancestor', ancestor, commit], { gitDir });
  if (result.exitCode > 1) throw new GitError('merge-base', result);
  return result.exitCode === 0;
}

export async function hasCommit(gitDir: string, commit: string): Promise<boolean> {
  return (await runGit(['cat-file', '-e', `${commit}^{commit}`], { gitDir })).exitCode === 0;
}
