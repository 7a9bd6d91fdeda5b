import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Artifact } from '../../../core/contracts/artifact.ts';
import { type Bytes, sha256Hex } from '../../../wire/encoding.ts';
import { writeDurably } from '../durable-file.ts';
import { KeyedMutex } from '../mutex.ts';
import type { WorkerClient } from './worker-client.ts';

export type FetchedArtifact = { ok: true; bytes: Bytes } | { ok: false; code: 'altered' };

/**
 * Large things of the runs, by what they contain: written here first, uploaded before the event that names
 * them, and fetched from the Worker once when an agent reads them.
 */
export class ArtifactStore {
  readonly #folder: string;
  readonly #worker: Pick<WorkerClient, 'putArtifact' | 'getArtifact'>;
  readonly #uploaded = new Set<string>();
  readonly #mutex = new KeyedMutex();

  constructor(folder: string, worker: Pick<WorkerClient, 'putArtifact' | 'getArtifact'>) {
    this.#folder = folder;
    this.#worker = worker;
    mkdirSync(folder, { recursive: true });
  }

  #path(run: string, sha256: string): string {
    return join(this.#folder, run, sha256);
  }

  async put(run: string, name: string, contentType: string, bytes: Bytes): Promise<Artifact> {
    const sha256 = await sha256Hex(bytes);
    mkdirSync(join(this.#folder, run), { recursive: true });
    const path = this.#path(run, sha256);
    if (!existsSync(path)) writeDurably(path, bytes);
    return { name, sha256, sizeBytes: bytes.length, contentType };
  }

  /** Sends what the Worker may not have yet; again after a restart, which does no harm. Throws `WorkerError`. */
  async upload(run: string, artifact: Artifact): Promise<void> {
    const key = `${run}/${artifact.sha256}`;
    await this.#mutex.run(key, async () => {
      if (this.#uploaded.has(key)) return;
      const bytes = new Uint8Array(readFileSync(this.#path(run, artifact.sha256)));
      await this.#worker.putArtifact(run, artifact.sha256, artifact.contentType, bytes);
      this.#uploaded.add(key);
    });
  }

  /** From the disk, else from the Worker, held to its name. Throws `WorkerError`. */
  read(run: string, sha256: string): Promise<FetchedArtifact> {
    return this.#mutex.run(`${run}/${sha256}`, async () => {
      const path = this.#path(run, sha256);
      if (existsSync(path)) return { ok: true, bytes: new Uint8Array(readFileSync(path)) };
      const bytes = await this.#worker.getArtifact(run, sha256);
      if ((await sha256Hex(bytes)) !== sha256) return { ok: false, code: 'altered' };
      mkdirSync(join(this.#folder, run), { recursive: true });
      writeDurably(path, bytes);
      return { ok: true, bytes };
    });
  }

  /** Removes what belongs to none of these runs. */
  retain(runs: ReadonlySet<string>): void {
    for (const run of readdirSync(this.#folder)) if (!runs.has(run)) this.forget(run);
  }

  forget(run: string): void {
    rmSync(join(this.#folder, run), { recursive: true, force: true });
    for (const key of this.#uploaded) if (key.startsWith(`${run}/`)) this.#uploaded.delete(key);
  }
}
