import type { Priority } from '../../core/contracts/priority.ts';
import { type CapLevel, type CapUse, dayOf, levelOfCap } from '../../core/cost/caps.ts';
import { orderOfWaiting } from '../../core/pool/choose-next.ts';
import { findPlace, type Obstacle, type PoolView, reserveOf } from '../../core/pool/slots.ts';
import type { HeldBack } from './run-pool-governors.ts';
import type { PoolSettings, RunPoolStore } from './run-pool-store.ts';
import type { Waiting } from './run-pool-waiting.ts';

/** What the operator sees of the pool; times are epoch milliseconds. */
export interface PoolStatus {
  stopped: boolean;
  slots: number;
  /** Of the slots, how many are kept for people in chat. */
  keptForPeople: number;
  leases: {
    run: string;
    group: string;
    kind: 'light' | 'heavy';
    fence: number;
    runner: string | null;
    grantedAt: number;
    priority: Priority;
    forPerson: boolean;
    spentMicroUsd: number;
  }[];
  /** In the order in which they would be served; at most 1,000 of `waitingCount`. */
  waiting: {
    run: string;
    group: string;
    kind: 'light' | 'heavy';
    position: number;
    priority: Priority;
    forPerson: boolean;
    since: number;
    /** Why it has no slot yet; null: it is about to get one. */
    because: Obstacle | `budget_${string}` | null;
    reason: string | null;
  }[];
  waitingCount: number;
  /** Dispatched tasks beyond the cap of the day, in the order in which they begin. */
  heldBack: HeldBack[];
  runners: {
    name: string;
    lastSeenAt: number;
    capacity: number;
    running: number;
    problems: string[];
    drained: boolean;
  }[];
  /** Configured, and never heard of. */
  unseenRunners: { name: string; drained: boolean }[];
  budget: {
    /** A cap that is not set is not in the list. */
    caps: (CapUse & { level: CapLevel })[];
    override: { until: number; by: string } | null;
    /** The settings of the caps cannot be read: nothing new begins. */
    problem: string | null;
  };
}

export function poolStatus(
  store: RunPoolStore,
  { slots, runners: configured, caps }: PoolSettings,
  view: PoolView,
  nowMs: number,
): PoolStatus {
  const obstacleOf = obstacles(store, view, nowMs);
  const held = store.leases.held();
  const seen = store.runners.list();
  const drained = store.runners.drained();
  return {
    stopped: view.stopped,
    slots: slots.heavy,
    keptForPeople: reserveOf(slots.heavy),
    leases: held.map((lease) => ({
      run: lease.run,
      group: lease.group,
      kind: lease.kind,
      fence: lease.fence,
      runner: lease.runner,
      grantedAt: lease.grantedAt,
      priority: lease.priority,
      forPerson: lease.forPerson,
      spentMicroUsd: lease.spentMicroUsd,
    })),
    waiting: orderOfWaiting(store.waiting.list(), view).map((run, index) => ({
      run: run.run,
      group: run.group,
      kind: run.kind,
      position: index + 1,
      priority: run.priority,
      forPerson: run.forPerson,
      since: run.at,
      ...obstacleOf(run),
    })),
    waitingCount: store.waiting.size,
    heldBack: store.governors.heldBack(nowMs),
    runners: seen.map((runner) => ({ ...runner, drained: drained.has(runner.name) })),
    unseenRunners: configured
      .filter((name) => !seen.some((runner) => runner.name === name))
      .map((name) => ({ name, drained: drained.has(name) })),
    budget: {
      caps: 'problem' in caps ? [] : capsOf(store, caps, nowMs),
      override: store.spending.override(nowMs),
      problem: 'problem' in caps ? caps.problem : null,
    },
  };
}

type Obstacles = Pick<PoolStatus['waiting'][number], 'because' | 'reason'>;

/** Why a run has no slot yet; what is alike is looked at once. */
function obstacles(store: RunPoolStore, view: PoolView, nowMs: number): (run: Waiting) => Obstacles {
  const known = new Map<string, Obstacles>();
  return (run) => {
    const sort = [run.group, run.kind, run.priority, run.forPerson, run.budgetMicroUsd].join(' ');
    const before = known.get(sort);
    if (before) return before;
    const place = findPlace(run, view);
    const payment = place.ok ? store.budget.reservation(run, nowMs) : null;
    const found: Obstacles = !place.ok
      ? { because: place.because, reason: null }
      : payment === null || payment.kind === 'reserve'
        ? { because: null, reason: null }
        : { because: payment.code, reason: payment.reason };
    known.set(sort, found);
    return found;
  };
}

function capsOf(
  store: RunPoolStore,
  caps: Exclude<PoolSettings['caps'], { problem: string }>,
  nowMs: number,
): PoolStatus['budget']['caps'] {
  const held = store.leases.held();
  const groups = new Set([...store.spending.groupsOf(dayOf(nowMs)), ...held.map(({ group }) => group)]);
  const uses = [
    ...store.spending.uses(null, caps, held, nowMs),
    ...[...groups].flatMap((group) =>
      store.spending.uses(group, caps, held, nowMs).filter((use) => use.group !== null),
    ),
  ];
  return uses.map((use) => ({ ...use, level: levelOfCap(use) }));
}
