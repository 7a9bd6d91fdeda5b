import { chooseNext } from '../../core/pool/choose-next.ts';
import type { PoolView } from '../../core/pool/slots.ts';
import type { Outbox } from '../shared/outbox.ts';
import type { BackOffs } from './run-pool-back-offs.ts';
import type { PoolBudget } from './run-pool-budget.ts';
import type { Leases } from './run-pool-leases.ts';
import type { Runners } from './run-pool-runners.ts';
import type { Stops } from './run-pool-stops.ts';
import type { Waiting, WaitingRuns } from './run-pool-waiting.ts';

export interface GrantsDeps {
  outbox: Outbox;
  leases: Leases;
  waiting: WaitingRuns;
  runners: Runners;
  stops: Stops;
  backOffs: BackOffs;
  budget: PoolBudget;
  settings(): Pick<PoolView, 'slots' | 'maxConcurrentOf'> & { runners: string[] };
  audit(type: string, data: unknown, at: number): void;
}

interface Granted {
  run: string;
  lease: { fence: number; runner: string | null };
}

/** Gives free slots to runs that wait. Works inside the pool's transactions. */
export class Grants {
  readonly #deps: GrantsDeps;

  constructor(deps: GrantsDeps) {
    this.#deps = deps;
  }

  /**
   * Whatever can go now goes, one after the other, and each run is told. `asking` hears it from its caller: its
   * lease is the answer, null when it waits.
   */
  give(nowMs: number, asking: string | null = null): Granted['lease'] | null {
    let own: Granted['lease'] | null = null;
    for (const granted of this.#grant(nowMs))
      if (granted.run === asking) own = granted.lease;
      else this.#tell(granted, nowMs);
    return own;
  }

  view(nowMs: number): PoolView {
    const { leases, stops, backOffs } = this.#deps;
    const { slots, runners, maxConcurrentOf } = this.#deps.settings();
    return {
      held: leases.held(),
      runners: this.#deps.runners.places(runners),
      slots,
      stopped: stops.isStopped,
      pausing: backOffs.groupsAt(nowMs),
      maxConcurrentOf,
      lastServed: lookedUpOnce((group) => leases.lastFenceOf(group)),
      nowMs,
    };
  }

  #grant(nowMs: number): Granted[] {
    const { leases, waiting, budget, audit } = this.#deps;
    const heads = waiting.heads();
    const granted: Granted[] = [];
    while (heads.length > 0) {
      const isAffordable = (run: Waiting): boolean => budget.reservation(run, nowMs).kind === 'reserve';
      const next = chooseNext(heads, this.view(nowMs), isAffordable);
      if (next === null) break;
      const { run, runner } = next;
      const fence = leases.grant({ ...run, runner }, nowMs);
      waiting.remove(run.run);
      audit('run_leased', { run: run.run, group: run.group, fence, runner }, nowMs);
      granted.push({ run: run.run, lease: { fence, runner } });
      const behind = waiting.headLike(run);
      heads.splice(heads.indexOf(run), 1, ...(behind === null ? [] : [behind]));
    }
    return granted;
  }

  #tell(granted: Granted, nowMs: number): void {
    const key = `granted:${granted.run}:${granted.lease.fence}`;
    this.#deps.outbox.add({ key, kind: 'granted', lane: null, body: JSON.stringify(granted) }, nowMs);
  }
}

/** A view is of one moment: what was looked up stays true for it. */
function lookedUpOnce(look: (group: string) => number): (group: string) => number {
  const known = new Map<string, number>();
  return (group) => {
    const value = known.get(group) ?? look(group);
    known.set(group, value);
    return value;
  };
}
