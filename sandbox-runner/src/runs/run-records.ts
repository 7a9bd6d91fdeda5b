import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { runEndReasonSchema, runRequestSchema } from '../../../core/contracts/run.ts';
import { writeDurably } from '../durable-file.ts';

const recordSchema = z.object({
  request: runRequestSchema,
  /** Of the body that started it: the same id with another body is another run. */
  digest: z.string(),
  acceptedAt: z.number(),
  ended: z.object({ reason: runEndReasonSchema, at: z.number() }).nullable(),
});
export type RunRecord = z.infer<typeof recordSchema>;

/** Far longer than anybody repeats a start. */
const KEPT_MS = 30 * 24 * 3_600_000;

/** Every run this runner has taken, on disk: starting twice is starting once, also across a restart. */
export class RunRecords {
  readonly #folder: string;
  readonly #records = new Map<string, RunRecord>();

  constructor(folder: string, nowMs: number) {
    this.#folder = folder;
    mkdirSync(folder, { recursive: true });
    for (const name of readdirSync(folder))
      if (name.endsWith('.json')) {
        const record = recordSchema.parse(JSON.parse(readFileSync(join(folder, name), 'utf8')));
        if (record.ended && record.ended.at < nowMs - KEPT_MS) rmSync(join(folder, name));
        else this.#records.set(record.request.id, record);
      }
  }

  get(run: string): RunRecord | undefined {
    return this.#records.get(run);
  }

  /** Runs that an earlier process left without an end. */
  unfinished(): RunRecord[] {
    return [...this.#records.values()].filter(({ ended }) => ended === null);
  }

  save(record: RunRecord): void {
    writeDurably(join(this.#folder, `${record.request.id}.json`), JSON.stringify(record));
    this.#records.set(record.request.id, record);
  }
}
