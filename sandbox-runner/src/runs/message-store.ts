import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { type RunMessage, runMessageSchema } from '../../../core/contracts/run.ts';
import { writeDurably } from '../durable-file.ts';

/** What was said to each session, on disk before it is acknowledged: a restarted runner still hands it on. */
export class MessageStore {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
    mkdirSync(folder, { recursive: true });
  }

  of(run: string, fence: number): RunMessage[] {
    const path = this.#path(run, fence);
    if (!existsSync(path)) return [];
    return z.array(runMessageSchema).parse(JSON.parse(readFileSync(path, 'utf8')));
  }

  put(run: string, message: RunMessage): void {
    const kept = this.of(run, message.fence);
    writeDurably(this.#path(run, message.fence), JSON.stringify([...kept, message]));
  }

  forget(run: string, fence: number): void {
    rmSync(this.#path(run, fence), { force: true });
  }

  #path(run: string, fence: number): string {
    return join(this.#folder, `${run}.${fence}.json`);
  }
}
