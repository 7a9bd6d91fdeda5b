/** A runner that was not heard of for this long has lost its leases; it stopped acting itself after 90 s. */
export const LEASE_MS = 180_000;
/** A light run lives in its object and sends no heartbeat; it gives up well before. */
export const LIGHT_LEASE_MS = 20 * 60_000;

export type RunKind = 'light' | 'heavy';

/** A runner that may be given work. */
export interface RunnerPlace {
  name: string;
  /** What it said it can take; null: it was never heard of, and answers 429 when it is full. */
  capacity: number | null;
  lastSeenAt: number | null;
  /** It finishes what it has and takes nothing new. */
  drained: boolean;
}

export interface HeldRun {
  group: string;
  kind: RunKind;
  runner: string | null;
  forPerson: boolean;
}

/** What decides where the next run goes. */
export interface PoolView {
  held: readonly HeldRun[];
  runners: readonly RunnerPlace[];
  /** At once over all runners. */
  slots: Readonly<Record<RunKind, number>>;
  stopped: boolean;
  /** Groups whose heavy runs pause. */
  pausing: ReadonlySet<string>;
  maxConcurrentOf(group: string): number;
  /** Grows with each run that a group was given; 0: none yet. */
  lastServed(group: string): number;
  nowMs: number;
}

/** Why a run has no slot yet; the operator sees it beside what waits. */
export type Obstacle =
  | 'stopped'
  | 'group_pauses'
  | 'group_limit'
  | 'runners_drained'
  | 'no_free_slot'
  | 'kept_for_people';

export type Place = { ok: true; runner: string | null } | { ok: false; because: Obstacle };

export const leaseExpiry = (kind: RunKind, renewedAt: number): number =>
  renewedAt + (kind === 'light' ? LIGHT_LEASE_MS : LEASE_MS);

/** Row C7: a fifth, one at least, is kept for people in chat; a single slot serves everybody. */
export const reserveOf = (capacity: number): number =>
  capacity <= 1 ? 0 : Math.max(1, Math.floor(capacity / 5));

interface Room {
  free: number;
  /** Of all slots that could be in use now. */
  capacity: number;
  runner: string | null;
}

function roomFor(kind: RunKind, { held, runners, slots, nowMs }: PoolView): Room {
  const sameKind = held.filter((run) => run.kind === kind).length;
  const left = Math.max(0, slots[kind] - sameKind);
  if (kind === 'light') return { free: left, capacity: slots.light, runner: null };
  const open = runners
    .filter(({ drained }) => !drained)
    .map(({ name, capacity, lastSeenAt }) => {
      const mayTake = capacity ?? slots.heavy;
      const used = held.filter((run) => run.runner === name).length;
      const silent = lastSeenAt !== null && nowMs - lastSeenAt > LEASE_MS;
      return { name, mayTake, silent, free: Math.max(0, mayTake - used) };
    });
  // One that fell silent is tried only where there is no other.
  const alive = open.some(({ silent }) => !silent) ? open.filter(({ silent }) => !silent) : open;
  const best = alive.filter(({ free }) => free > 0).sort((a, b) => b.free - a.free)[0];
  const sum = (of: (place: (typeof alive)[number]) => number): number =>
    alive.reduce((total, place) => total + of(place), 0);
  return {
    free: Math.min(
      left,
      sum(({ free }) => free),
    ),
    capacity: Math.min(
      slots.heavy,
      sum(({ mayTake }) => mayTake),
    ),
    runner: best?.name ?? null,
  };
}

/** Where a run could go now: of the runners that are heard of, the one with most room. */
export function findPlace(run: { group: string; kind: RunKind; forPerson: boolean }, view: PoolView): Place {
  const refuse = (because: Obstacle): Place => ({ ok: false, because });
  if (view.stopped) return refuse('stopped');
  // A light run needs no memory of a runner.
  if (run.kind === 'heavy' && view.pausing.has(run.group)) return refuse('group_pauses');
  const ofGroup = view.held.filter(({ group }) => group === run.group).length;
  if (ofGroup >= view.maxConcurrentOf(run.group)) return refuse('group_limit');
  const { free, capacity, runner } = roomFor(run.kind, view);
  if (free === 0) {
    const isDrained = run.kind === 'heavy' && capacity === 0 && view.runners.some(({ drained }) => drained);
    return refuse(isDrained ? 'runners_drained' : 'no_free_slot');
  }
  const forPeople = view.held.filter(({ kind, forPerson }) => kind === run.kind && forPerson).length;
  const kept = Math.max(0, reserveOf(capacity) - forPeople);
  if (!run.forPerson && free <= kept) return refuse('kept_for_people');
  return { ok: true, runner };
}
