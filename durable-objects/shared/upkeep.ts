import type { Env } from '../../workers/env.ts';
import { Alarm, computeNextAlarm } from './alarm.ts';
import { type BackupAnswer, type BackupOrder, ObjectBackup } from './backup.ts';
import type { Outbox, OutboxItem } from './outbox.ts';
import { type Failure, OutboxDrain } from './outbox-drain.ts';
import type { ProjectionQueue } from './projection.ts';
import { ProjectionFlush } from './projection-flush.ts';

/** After an error of ours in the alarm. */
const ALARM_RETRY_MS = 60_000;

export interface UpkeepDeps<Outcome> {
  ctx: DurableObjectState;
  env: Pick<Env, 'DB' | 'ARTIFACTS'>;
  /** As in `incident`; the object's name is that of its state. */
  objectType: string;
  store: { outbox: Outbox; projections: ProjectionQueue };
  perform(item: OutboxItem): Promise<Outcome>;
  /** How long one try may take; absent: `EFFECT_TIMEOUT_MS`. */
  timeoutMs?(item: OutboxItem): number;
  succeeded(item: OutboxItem, outcome: Outcome): void;
  failed(item: OutboxItem, failure: Failure): void;
  /** Due time of the object's own next timer; absent: it has none. */
  nextTimerAt?(): number | null;
  /** Does what the object's timers ask for; must not wait. */
  onTimers?(nowMs: number): void;
}

/** What keeps an object going: its outbox, its rows for D1, and the one alarm that outlives a crash. */
export class Upkeep<Outcome> {
  readonly #deps: UpkeepDeps<Outcome>;
  readonly #drain: OutboxDrain<Outcome>;
  readonly #flush: ProjectionFlush;
  readonly #backup: ObjectBackup;
  readonly #alarm: Alarm;

  constructor(deps: UpkeepDeps<Outcome>) {
    const { ctx, env, objectType, store } = deps;
    this.#deps = deps;
    this.#alarm = new Alarm(ctx.storage);
    this.#backup = new ObjectBackup({ ctx, bucket: env.ARTIFACTS, objectType }, () => this.arm());
    this.#drain = new OutboxDrain({
      outbox: store.outbox,
      now: Date.now,
      random: Math.random,
      perform: deps.perform,
      ...(deps.timeoutMs ? { timeoutMs: deps.timeoutMs } : {}),
      succeeded: deps.succeeded,
      failed: deps.failed,
      changed: () => {
        this.#flush.kick();
        this.arm();
      },
    });
    this.#flush = new ProjectionFlush({
      db: env.DB,
      queue: store.projections,
      now: Date.now,
      random: Math.random,
      changed: () => this.arm(),
    });
  }

  /** Sets the alarm; call it inside the transaction that changed something. */
  arm(): void {
    if (!this.#backup.isPaused) this.#alarm.set(this.#nextAlarm(false));
  }

  /** The last thing that a constructor does, behind its gate: whatever was left undone has an alarm. */
  revive(): void {
    void this.#deps.ctx.blockConcurrencyWhile(async () => {
      if (!this.#backup.isPaused) await this.#alarm.adopt(this.#nextAlarm(true));
    });
  }

  #nextAlarm(fresh: boolean): number | null {
    return computeNextAlarm({
      nowMs: Date.now(),
      nextEffectAt: this.#deps.store.outbox.nextAt(this.#drain.inFlight),
      inFlight: this.#drain.inFlight.size,
      nextTimerAt: this.#deps.nextTimerAt?.() ?? null,
      projectionsAt: earliest(this.#flush.nextAt(), this.#backup.nextAt()),
      fresh,
    });
  }

  /** Starts what is due without anyone waiting for it. */
  start(): void {
    if (this.#backup.isPaused) return;
    this.#drain.kick();
    this.#flush.kick();
    this.#backup.kick();
  }

  /** Hands on what a change gave; what it left to do begins at once. */
  startAfter<T>(result: T): T {
    this.start();
    return result;
  }

  /** Also what `poke` does: fires timers that are due, starts what is due, sets the alarm. */
  wake(): void {
    if (this.#backup.isPaused) return;
    this.#deps.onTimers?.(Date.now());
    this.start();
    this.arm();
  }

  /** The object's `alarm()`: never throws, never waits. */
  onAlarm(): void {
    this.#alarm.fired();
    try {
      this.wake();
    } catch (error) {
      console.error('alarm', error);
      this.#alarm.set(Date.now() + ALARM_RETRY_MS);
    }
  }

  /** No effect more would be begun now. */
  get isBusy(): boolean {
    return this.#drain.isFull;
  }

  /** It is being restored: what it is told now it would forget. */
  get isRestoring(): boolean {
    return this.#backup.isPaused;
  }

  /** To be called before a text is deleted for good: it goes from the backup too. */
  rewriteBackup(): void {
    this.#backup.rewrite();
  }

  /** See `BackupOrder`. */
  async backup(order: BackupOrder): Promise<BackupAnswer> {
    const answer = await this.#backup.obey(order);
    this.wake();
    return answer;
  }
}

const earliest = (a: number | null, b: number | null): number | null =>
  a === null || b === null ? (a ?? b) : Math.min(a, b);
