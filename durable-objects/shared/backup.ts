import { BackupFlush } from './backup-flush.ts';
import { BackupLog } from './backup-log.ts';
import { type Restored, restoreObject } from './backup-restore.ts';
import { sqlOf } from './sql.ts';

/**
 * What an object may be told about its backup. `flush`: write now what waits. `rewrite`: write all anew and
 * throw the old away, for something was deleted. `restore`: become what the backup says; then `begin_anew`,
 * which breaks off the call, and at last `resume`, for until then it does nothing.
 */
export type BackupOrder = 'flush' | 'rewrite' | 'restore' | 'begin_anew' | 'resume';

/** `isKept`: nothing waits to be written. `restored`: null when there is no backup of it. */
export interface BackupAnswer {
  isKept: boolean;
  restored: Restored | null;
}

export interface ObjectBackupDeps {
  ctx: DurableObjectState;
  bucket: R2Bucket;
  /** As in `incident`; the object's name is that of its state. */
  objectType: string;
}

/** The backup of one object, from its side: written as it changes, and read when it is restored. */
export class ObjectBackup {
  readonly #deps: ObjectBackupDeps;
  readonly #object: string;
  readonly #log: BackupLog;
  readonly #flush: BackupFlush;
  #isPaused: boolean;
  /** What was restored is in the tables, and what was there before still in memory. */
  #isOutdated = false;

  /** `changed`: the alarm is to be set again. */
  constructor(deps: ObjectBackupDeps, changed: () => void) {
    const { ctx, bucket, objectType } = deps;
    this.#deps = deps;
    this.#object = ctx.id.name ?? '';
    this.#log = new BackupLog(sqlOf(ctx.storage), Date.now());
    this.#flush = new BackupFlush({
      bucket,
      objectType,
      object: this.#object,
      log: this.#log,
      now: Date.now,
      random: Math.random,
      changed,
    });
    this.#isPaused = this.#log.isPaused;
  }

  /** It was restored and not let go yet: nothing of it may begin. */
  get isPaused(): boolean {
    return this.#isPaused;
  }

  nextAt(): number | null {
    return this.#flush.nextAt();
  }

  kick(): void {
    this.#flush.kick();
  }

  rewrite(): void {
    this.#log.rewrite(Date.now());
  }

  async obey(order: BackupOrder): Promise<BackupAnswer> {
    const { ctx } = this.#deps;
    switch (order) {
      case 'flush':
        return { isKept: await this.#flush.now(), restored: null };
      case 'rewrite':
        this.rewrite();
        return { isKept: false, restored: null };
      case 'restore':
        return { isKept: true, restored: await this.#restore() };
      case 'begin_anew':
        await ctx.storage.sync();
        ctx.abort('it was restored and begins anew');
        throw new Error('it begins anew');
      case 'resume':
        if (this.#isOutdated) throw new Error('it was restored and has not begun anew');
        this.#log.resume();
        this.#isPaused = false;
        return { isKept: false, restored: null };
    }
  }

  async #restore(): Promise<Restored | null> {
    const { ctx, bucket, objectType } = this.#deps;
    this.#isPaused = true;
    try {
      const sql = sqlOf(ctx.storage);
      const restored = await restoreObject(sql, bucket, objectType, this.#object, Date.now());
      this.#isOutdated = restored !== null;
      if (this.#isOutdated) await ctx.storage.deleteAlarm();
      return restored;
    } finally {
      this.#isPaused = this.#isOutdated || this.#log.isPaused;
    }
  }
}
