import { createHash } from 'node:crypto';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { KeyedMutex } from '../mutex.ts';
import { GitError, type GitOptions, git, gitText, hasCommit, runGit } from './git.ts';

/** The code host could not be reached, or refused. Messages are redacted. */
export class RemoteError extends Error {
  override name = 'RemoteError';
  readonly retryable: boolean;

  constructor(message: string, retryable: boolean, cause?: unknown) {
    super(message, { cause });
    this.retryable = retryable;
  }
}

export interface RepositoryName {
  project: string;
  repository: string;
}

export type PushResult = { ok: true } | { ok: false; stderr: string };

export interface RemoteOptions {
  /** The organisation: `https://dev.azure.com/acme`. */
  url: string;
  pat: string | null;
  /** Where mirrors are kept. */
  folder: string;
  redact: (text: string) => string;
}

/**
 * Our own bare mirrors of the repositories that runs work on, fetched with the PAT for code. The PAT goes to
 * Git as configuration in the environment, bound to the configured address, and redirects are not followed.
 */
export class Remotes {
  readonly #options: RemoteOptions;
  readonly #mutex = new KeyedMutex();

  constructor(options: RemoteOptions) {
    this.#options = options;
    mkdirSync(options.folder, { recursive: true });
  }

  #url({ project, repository }: RepositoryName): string {
    return `${this.#options.url}/${encodeURIComponent(project)}/_git/${encodeURIComponent(repository)}`;
  }

  #transport(): GitOptions {
    const { url, pat } = this.#options;
    const protocols = [new URL(url).protocol.slice(0, -1)];
    if (pat === null) return { protocols };
    const authorization = `Authorization: Basic ${Buffer.from(`:${pat}`).toString('base64')}`;
    return { protocols, config: { [`http.${url}.extraHeader`]: authorization } };
  }

  #failed(what: string, error: unknown): never {
    if (!(error instanceof GitError)) throw error;
    throw new RemoteError(this.#options.redact(`${what}: ${error.stderr.trim().slice(-500)}`), true);
  }

  async #mirror(name: RepositoryName): Promise<string> {
    const hash = createHash('sha256').update(`${name.project}/${name.repository}`).digest('hex').slice(0, 16);
    const folder = join(this.#options.folder, `${hash}.git`);
    if (!existsSync(join(folder, 'HEAD'))) await git(['init', '--quiet', '--bare', folder]);
    return folder;
  }

  /** The mirror with today's branches, and with `commit` if the host has it. Throws `RemoteError`. */
  refresh(name: RepositoryName, commit?: string): Promise<string> {
    return this.#mutex.run(this.#url(name), async () => {
      const mirror = await this.#mirror(name);
      const transport = { ...this.#transport(), gitDir: mirror, timeoutMs: 300_000 };
      const fetch = (what: string) =>
        git(['fetch', '--quiet', '--no-tags', '--prune', this.#url(name), what], transport);
      try {
        await fetch('+refs/heads/*:refs/heads/*');
        if (commit !== undefined && !(await hasCommit(mirror, commit))) await fetch(commit);
      } catch (error) {
        this.#failed(`could not fetch ${name.project}/${name.repository}`, error);
      }
      return mirror;
    });
  }

  /** The mirror as it is when it has the commit; refreshed otherwise. Throws `RemoteError`. */
  async withCommit(name: RepositoryName, commit: string): Promise<string> {
    const mirror = await this.#mirror(name);
    return (await hasCommit(mirror, commit)) ? mirror : this.refresh(name, commit);
  }

  /** What the host calls its default branch; null when it does not say. Throws `RemoteError`. */
  async defaultBranch(name: RepositoryName): Promise<string | null> {
    try {
      const text = await gitText(['ls-remote', '--symref', this.#url(name), 'HEAD'], this.#transport());
      return /^ref: (refs\/heads\/\S+)\tHEAD$/m.exec(text)?.[1] ?? null;
    } catch (error) {
      return this.#failed(`could not ask ${name.project}/${name.repository}`, error);
    }
  }

  /** What a ref points at on the host now; null when it does not exist. Throws `RemoteError`. */
  async currentCommit(name: RepositoryName, ref: string): Promise<string | null> {
    try {
      const text = await gitText(['ls-remote', this.#url(name), ref], this.#transport());
      const line = text.split('\n').find((candidate) => candidate.endsWith(`\t${ref}`));
      return line?.split('\t')[0] ?? null;
    } catch (error) {
      return this.#failed(`could not ask ${name.project}/${name.repository}`, error);
    }
  }

  /**
   * Moves `ref` from exactly `expected` (null: it must not exist) to `commit`, which `gitDir` holds.
   * The lease alone would allow to rewrite: ancestry is the caller's to check.
   */
  async push(
    name: RepositoryName,
    gitDir: string,
    move: { ref: string; expected: string | null; commit: string },
  ): Promise<PushResult> {
    const result = await runGit(
      [
        'push',
        '--quiet',
        '--no-verify',
        `--force-with-lease=${move.ref}:${move.expected ?? ''}`,
        this.#url(name),
        `${move.commit}:${move.ref}`,
      ],
      { ...this.#transport(), gitDir },
    );
    if (result.exitCode === 0) return { ok: true };
    return { ok: false, stderr: this.#options.redact(result.stderr.trim().slice(-500)) };
  }
}
