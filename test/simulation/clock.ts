const realSetImmediate = setImmediate;

export interface Event {
  at: number;
  n: number;
  work: (() => void) | null;
  /** Housekeeping that goes on for ever: it does not keep a world busy. */
  idle: boolean;
}

/** Virtual time: what is to happen, in order. Between two events everything that was promised is settled. */
export class Clock {
  now: number;
  /** Events in the queue that are work, not housekeeping. */
  busy = 0;
  #n = 0;
  readonly #heap: Event[] = [];

  constructor(startMs: number) {
    this.now = startMs;
  }

  at(time: number, work: () => void, idle = false): Event {
    const event = { at: Math.max(time, this.now), n: this.#n++, work, idle };
    if (!idle) this.busy += 1;
    this.#push(event);
    return event;
  }

  after(ms: number, work: () => void, idle = false): Event {
    return this.at(this.now + Math.max(0, Math.ceil(ms)), work, idle);
  }

  cancel(event: Event | null): void {
    if (event === null || event.work === null) return;
    event.work = null;
    if (!event.idle) this.busy -= 1;
  }

  /** Goes on until the time is reached or `enough` says so, asked after every event. */
  async run(until: number, enough: () => boolean): Promise<void> {
    for (let event = this.#heap[0]; event !== undefined && event.at <= until; event = this.#heap[0]) {
      this.#pop();
      const { work } = event;
      if (work === null) continue;
      this.now = event.at;
      event.work = null;
      if (!event.idle) this.busy -= 1;
      work();
      await new Promise<void>((resolve) => realSetImmediate(resolve));
      if (enough()) return;
    }
    this.now = Math.max(this.now, until);
  }

  #push(event: Event): void {
    const heap = this.#heap;
    let i = heap.push(event) - 1;
    while (i > 0) {
      const up = (i - 1) >> 1;
      if (!isBefore(event, heap[up] as Event)) break;
      heap[i] = heap[up] as Event;
      i = up;
    }
    heap[i] = event;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1] as Event, heap[child] as Event)) child += 1;
      if (!isBefore(heap[child] as Event, last)) break;
      heap[i] = heap[child] as Event;
      i = child;
    }
    heap[i] = last;
  }
}

const isBefore = (a: Event, b: Event): boolean => a.at < b.at || (a.at === b.at && a.n < b.n);
