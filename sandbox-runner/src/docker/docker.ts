import Docker from 'dockerode';

/**
 * The only place that knows Docker, with its neighbours docker-images, docker-networks and docker-containers:
 * all else speaks of images, networks and containers in the words of these files.
 */
export class DockerError extends Error {
  override name = 'DockerError';
  readonly retryable: boolean;
  constructor(message: string, options: { retryable: boolean; cause?: unknown }) {
    super(message, { cause: options.cause });
    this.retryable = options.retryable;
  }
}

export type Engine = Docker;

/** Takes `DOCKER_HOST` and its like from the environment, as the Docker command does. */
export const connectEngine = (): Engine => new Docker();

export interface EngineFacts {
  version: string;
  arch: 'x64' | 'arm64';
  rootFolder: string;
  runtimes: string[];
  /** Root in a container is nobody on the host. */
  userNamespaces: boolean;
  seccomp: boolean;
}

/** One that takes longer is as good as none. */
const ANSWER_MS = 15_000;

async function inTime<T>(answer: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`silent for ${ANSWER_MS / 1_000} s`)), ANSWER_MS);
  });
  return Promise.race([answer, late]).finally(() => clearTimeout(timer));
}

/** Asks the engine for a sign of life. Errors say how to get an engine. */
export async function checkEngine(engine: Engine): Promise<EngineFacts> {
  try {
    const info = (await inTime(engine.info())) as {
      ServerVersion: string;
      Architecture: string;
      DockerRootDir: string;
      Runtimes?: Record<string, unknown>;
      SecurityOptions?: string[];
    };
    const security = info.SecurityOptions ?? [];
    return {
      version: info.ServerVersion,
      arch: /aarch64|arm64/.test(info.Architecture) ? 'arm64' : 'x64',
      rootFolder: info.DockerRootDir,
      runtimes: Object.keys(info.Runtimes ?? {}),
      userNamespaces: security.some((each) => each.startsWith('name=userns')),
      seccomp: security.some((each) => each.startsWith('name=seccomp')),
    };
  } catch (error) {
    throw explained(error) ?? unreachable(error);
  }
}

function unreachable(error: unknown): DockerError {
  const code = (error as NodeJS.ErrnoException).code;
  const fix =
    code === 'EACCES'
      ? 'This user may not speak to it: add the user to the group "docker" and log in again.'
      : 'Start it (`systemctl start docker`, or `dockerd`), or install it (`apt-get install docker.io`); without one, use --no-docker.';
  return new DockerError(`engine: no Docker Engine answers (${code ?? String(error)}). ${fix}`, {
    retryable: true,
    cause: error,
  });
}

/** Cause and way out where the engine, and not the one run, is at fault; null where it is not. */
export function explained(error: unknown): DockerError | null {
  const code = (error as NodeJS.ErrnoException | null)?.code;
  if (code && ['ECONNREFUSED', 'ENOENT', 'EACCES', 'ECONNRESET', 'EPIPE'].includes(code)) {
    const { syscall } = error as NodeJS.ErrnoException;
    if (syscall === 'connect' || code === 'ECONNRESET' || code === 'EPIPE') return unreachable(error);
  }
  if (/no space left on device/i.test(String(error))) {
    return new DockerError(
      "disk: the engine's disk is full. Free some (`docker system prune`) or give it a larger one (`data-root` in daemon.json).",
      { retryable: true, cause: error },
    );
  }
  return null;
}

export const statusOf = (error: unknown): number | undefined =>
  (error as { statusCode?: number } | null)?.statusCode;

/** Removing what is gone already is success. */
export async function ignoringAbsence(step: Promise<unknown>): Promise<void> {
  await step.catch((error: unknown) => {
    const status = statusOf(error);
    if (status !== 404 && status !== 409 && status !== 304) throw error;
  });
}
