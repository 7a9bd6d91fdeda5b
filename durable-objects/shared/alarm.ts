import { EFFECT_TIMEOUT_MS } from './outbox-drain.ts';

/** What is due now has been started in memory already; the alarm only has to catch a crash. */
const SAFETY_MS = 5_000;

export interface AlarmNeeds {
  nowMs: number;
  /** Due time of the next pending effect that is not in flight. */
  nextEffectAt: number | null;
  inFlight: number;
  nextTimerAt: number | null;
  /** When rows for D1 should be sent; null when none wait. */
  projectionsAt: number | null;
  /** True in a fresh instance: nothing was started in memory, so the alarm starts it at once. */
  fresh: boolean;
}

/** When an object must be woken next; null: never. */
export function computeNextAlarm(needs: AlarmNeeds): number | null {
  const floor = needs.nowMs + (needs.fresh ? 0 : SAFETY_MS);
  const started = (at: number | null): number[] => (at === null ? [] : [at <= needs.nowMs ? floor : at]);
  const candidates = [
    ...started(needs.nextEffectAt),
    ...started(needs.projectionsAt),
    ...(needs.nextTimerAt === null ? [] : [Math.max(needs.nextTimerAt, needs.nowMs)]),
    ...(needs.inFlight > 0 ? [needs.nowMs + EFFECT_TIMEOUT_MS + SAFETY_MS] : []),
  ];
  return candidates.length === 0 ? null : Math.min(...candidates);
}

type AlarmStorage = Pick<DurableObjectStorage, 'getAlarm' | 'setAlarm' | 'deleteAlarm'>;

/** An alarm that comes this much too early or less is left where it is: moving it is a write, each time. */
const EARLY_MS = 60_000;

/** The object's one alarm; writes only what must change. One that comes early finds that out, and sets it anew. */
export class Alarm {
  readonly #storage: AlarmStorage;
  #setTo: number | null = null;

  constructor(storage: AlarmStorage) {
    this.#storage = storage;
  }

  set(at: number | null, nowMs = Date.now()): void {
    if (at === this.#setTo) return;
    const isSoon = at !== null && this.#setTo !== null && this.#setTo > nowMs && this.#setTo <= at;
    if (isSoon && at - nowMs <= EARLY_MS) return;
    this.#setTo = at;
    void (at === null ? this.#storage.deleteAlarm() : this.#storage.setAlarm(at));
  }

  /** Its time has come: none is set. */
  fired(): void {
    this.#setTo = null;
  }

  /**
   * In a fresh instance: keeps an alarm that is early enough. Moving the one that is just being delivered
   * would cancel its delivery.
   */
  async adopt(at: number | null): Promise<void> {
    this.#setTo = await this.#storage.getAlarm();
    if (at !== null && (this.#setTo === null || this.#setTo > at)) this.set(at);
  }
}
