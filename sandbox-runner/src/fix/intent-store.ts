import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import {
  type IntentOutcome,
  intentOutcomeSchema,
  type PushFixIntent,
} from '../../../core/contracts/intents.ts';
import { writeDurably } from '../durable-file.ts';

const fenceSchema = z.object({ fence: z.number().int() });

/** An approval expires long before; the Worker holds the bundle as an artifact anyway. */
const KEPT_MS = 30 * 24 * 3_600_000;

/** Intents with their bundles, and what became of them, on disk: performing twice must give one answer. */
export class IntentStore {
  readonly #folder: string;

  constructor(folder: string, nowMs: number) {
    this.#folder = folder;
    mkdirSync(folder, { recursive: true });
    for (const id of readdirSync(folder))
      if (statSync(join(folder, id)).mtimeMs < nowMs - KEPT_MS)
        rmSync(join(folder, id), { recursive: true, force: true });
  }

  #file(id: string, name: string): string {
    mkdirSync(join(this.#folder, id), { recursive: true });
    return join(this.#folder, id, name);
  }

  save(intent: PushFixIntent, bundle: Uint8Array): void {
    writeDurably(this.#file(intent.id, 'bundle'), bundle);
    writeDurably(this.#file(intent.id, 'intent.json'), JSON.stringify(intent));
  }

  /** The path of the bundle when it is here. */
  bundlePath(id: string): string | null {
    const path = this.#file(id, 'bundle');
    return existsSync(path) ? path : null;
  }

  saveBundle(id: string, bundle: Uint8Array): string {
    const path = this.#file(id, 'bundle');
    writeDurably(path, bundle);
    return path;
  }

  /** What was answered, and for which digest. */
  outcome(id: string): { digest: string; outcome: IntentOutcome } | null {
    const path = this.#file(id, 'outcome.json');
    if (!existsSync(path)) return null;
    return z
      .object({ digest: z.string(), outcome: intentOutcomeSchema })
      .parse(JSON.parse(readFileSync(path, 'utf8')));
  }

  saveOutcome(id: string, digest: string, outcome: IntentOutcome): void {
    writeDurably(this.#file(id, 'outcome.json'), JSON.stringify({ digest, outcome }));
  }

  /** Marks what cannot be done twice as begun; false when it was begun before and its end was not seen. */
  begin(id: string): boolean {
    const path = this.#file(id, 'begun.json');
    if (existsSync(path)) return false;
    writeDurably(path, '{}');
    return true;
  }

  /** Nothing came of it: it may be begun again. */
  unbegin(id: string): void {
    rmSync(this.#file(id, 'begun.json'), { force: true });
  }

  /** Remembers the highest fence that asked for this intent; false when a higher one did before. */
  takeFence(id: string, fence: number): boolean {
    const path = this.#file(id, 'fence.json');
    const known = existsSync(path) ? fenceSchema.parse(JSON.parse(readFileSync(path, 'utf8'))).fence : 0;
    if (fence < known) return false;
    if (fence > known) writeDurably(path, JSON.stringify({ fence }));
    return true;
  }
}
