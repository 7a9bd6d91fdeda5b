import { backoffMs } from '../../core/outbox/backoff.ts';
import type { BackupLog, BackupPart } from './backup-log.ts';
import { linesKey, packLines, packRows, placeOf, rowsKey, rowsPrefix } from './backup-part.ts';

/** What happens close together is one part: a write to R2 costs more than all else here. */
const DELAY_MS = 15_000;
/** Keys that R2 deletes in one call. */
const MAX_DELETED = 1_000;

export interface BackupFlushDeps {
  bucket: R2Bucket;
  log: BackupLog;
  /** As in `incident` and its id. */
  objectType: string;
  object: string;
  now(): number;
  /** In [0, 1). */
  random(): number;
  /** After every change: the alarm is to be set again. */
  changed(): void;
}

/** Writes what has changed to R2, a moment after it changed; failures wait for the alarm. */
export class BackupFlush {
  readonly #deps: BackupFlushDeps;
  #running: Promise<void> | null = null;
  #failures = 0;
  #dueAt: number | null = null;

  constructor(deps: BackupFlushDeps) {
    this.#deps = deps;
  }

  /** When the next part should be written; null when all is kept. */
  nextAt(): number | null {
    // A part that is due will be written: whether more has changed since need not be asked at each change.
    if (this.#dueAt === null && this.#deps.log.isPending) this.#dueAt = this.#deps.now() + DELAY_MS;
    return this.#dueAt;
  }

  kick(): void {
    const dueAt = this.nextAt();
    if (this.#running || dueAt === null || dueAt > this.#deps.now()) return;
    void this.now().finally(() => this.#deps.changed());
  }

  /** Writes all that waits, without delay. Gives whether all is kept. */
  async now(): Promise<boolean> {
    this.#running ??= this.#flush().finally(() => {
      this.#running = null;
    });
    await this.#running;
    return !this.#deps.log.isPending;
  }

  async #flush(): Promise<void> {
    const { log, now, random } = this.#deps;
    try {
      for (let part = log.take(); part !== null; part = log.take()) {
        await this.#write(part);
        log.kept(part, now());
      }
      await this.#sweep();
      this.#failures = 0;
      this.#dueAt = null;
    } catch (error) {
      this.#failures += 1;
      this.#dueAt = now() + Math.max(DELAY_MS, backoffMs(this.#failures, random(), null));
      console.error('backup', String(error));
    }
  }

  /** Lines first: rows say which lines belong to them. */
  async #write({ header, rows, lines }: BackupPart): Promise<void> {
    const { bucket, objectType, object } = this.#deps;
    if (lines.length > 0) {
      const packed = packLines(lines);
      await put(bucket, linesKey(objectType, object, lines), packed.bytes, { sha256: packed.sha256 });
    }
    const packed = packRows(header, rows);
    await put(bucket, rowsKey(objectType, object, header), packed.bytes, {
      sha256: packed.sha256,
      complete: String(header.complete),
      linesTo: String(header.linesTo),
      headSeq: String(header.head?.seq ?? 0),
      headHash: header.head?.hash ?? '',
    });
  }

  async #sweep(): Promise<void> {
    const { bucket, log, objectType, object } = this.#deps;
    const before = log.staleBefore();
    if (before === null) return;
    for (;;) {
      const { objects, truncated } = await bucket.list({
        prefix: rowsPrefix(objectType, object),
        limit: MAX_DELETED,
      });
      const old = objects
        .map(({ key }) => key)
        .filter((key) => (placeOf(key)?.generation ?? before) < before);
      if (old.length > 0) await bucket.delete(old);
      // Keys sort by generation: what is old comes first.
      if (!truncated || old.length < objects.length) break;
    }
    log.swept();
  }
}

async function put(
  bucket: R2Bucket,
  key: string,
  bytes: Uint8Array,
  customMetadata: Record<string, string>,
): Promise<void> {
  await bucket.put(key, bytes, { httpMetadata: { contentType: 'application/gzip' }, customMetadata });
}
