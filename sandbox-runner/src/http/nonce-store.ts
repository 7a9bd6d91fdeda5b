import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { appendDurably, completeLines, writeDurably } from '../durable-file.ts';

const lineSchema = z.object({ key: z.string(), nonce: z.string(), expiresAtMs: z.number() });

/** Appended lines before the file is written anew without the expired ones. */
const COMPACT_AFTER = 5_000;

/** Nonces of signed requests, on disk past their expiry, so that a restart does not open the door to a replay. */
export class NonceStore {
  readonly #path: string;
  readonly #nowMs: () => number;
  readonly #known = new Map<string, number>();
  #appended = 0;

  constructor(folder: string, nowMs: () => number) {
    this.#path = join(folder, 'nonces.jsonl');
    this.#nowMs = nowMs;
    if (!existsSync(this.#path)) return;
    for (const line of completeLines(readFileSync(this.#path, 'utf8')).lines) {
      const { key, nonce, expiresAtMs } = lineSchema.parse(JSON.parse(line));
      this.#known.set(`${key} ${nonce}`, expiresAtMs);
    }
    this.#compact();
  }

  /** True when the nonce was known; otherwise it is, once this returns. */
  async seen(key: string, nonce: string, expiresAtMs: number): Promise<boolean> {
    const name = `${key} ${nonce}`;
    if (this.#known.has(name)) return true;
    this.#known.set(name, expiresAtMs);
    appendDurably(this.#path, JSON.stringify({ key, nonce, expiresAtMs }));
    this.#appended += 1;
    if (this.#appended >= COMPACT_AFTER) this.#compact();
    return false;
  }

  #compact(): void {
    const nowMs = this.#nowMs();
    for (const [name, expiresAtMs] of this.#known) if (expiresAtMs < nowMs) this.#known.delete(name);
    const lines = [...this.#known].map(([name, expiresAtMs]) => {
      const at = name.lastIndexOf(' ');
      return JSON.stringify({ key: name.slice(0, at), nonce: name.slice(at + 1), expiresAtMs });
    });
    writeDurably(this.#path, lines.map((line) => `${line}\n`).join(''));
    this.#appended = 0;
  }
}
