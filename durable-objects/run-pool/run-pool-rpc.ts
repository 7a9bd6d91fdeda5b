import type { Priority } from '../../core/contracts/priority.ts';
import type { BudgetCode } from '../../core/cost/caps.ts';
import type { KeptRpc } from '../shared/kept-rpc.ts';
import type { PoolStatus } from './run-pool-status.ts';

export interface RunPoolRpc extends KeptRpc {
  /**
   * Asks for a slot and a budget; `queued` is answered later through `Run.granted`. `position`: at most so many
   * go before it, itself included. A run that was leased before is never refused: it waits for its money.
   */
  lease(request: {
    run: string;
    group: string;
    kind: 'light' | 'heavy';
    budgetMicroUsd: number;
    priority?: Priority;
    forPerson?: boolean;
    at: number;
  }): Promise<
    | { status: 'granted'; fence: number; runner: string | null }
    | { status: 'queued'; position: number }
    | { status: 'refused'; code: BudgetCode; reason: string }
  >;
  /**
   * Counts a dispatched task, once by its incident: so many begin in a UTC day, the rest later, in their order.
   * Answers until when it is to wait; null: it need not.
   */
  admitDispatch(task: {
    incident: string;
    group: string;
    priority: Priority;
    forPerson: boolean;
  }): Promise<number | null>;
  /** A task that was held back will never begin: its day has room for another. */
  withdrawDispatch(incident: string): Promise<void>;
  /** `spent`: micro-dollars of the whole run so far, by UTC day (`2026-11-21`). */
  release(run: string, fence: number | null, spent: Record<string, number>): Promise<void>;
  /** As in `release`, while the run goes on and after its end. */
  spent(run: string, spent: Record<string, number>): Promise<void>;
  /** No heavy run of this group is begun before then; what waits keeps waiting. */
  backOff(group: string, until: number, run: string): Promise<void>;
  /** Renews the leases of a runner's report; answers which are no longer its own. */
  heartbeat(report: {
    runner: string;
    at: number;
    capacity: number;
    running: number;
    problems: string[];
    leases: { run: string; fence: number }[];
  }): Promise<{ lost: string[]; stop: boolean }>;
  /** The lease a run holds now; proves who speaks for it. */
  leaseOf(run: string): Promise<{ group: string; fence: number; runner: string | null } | null>;
  /** False when this nonce was seen before: a replayed request. */
  rememberNonce(keyId: string, nonce: string, expiresAt: number): Promise<boolean>;
  /** Nothing new begins from here on; answers what runs, for the caller to end. */
  stop(by: string, at: number): Promise<{ run: string; fence: number }[]>;
  resume(by: string, at: number): Promise<void>;
  /** For how long everything was stopped since then, in milliseconds. */
  stoppedMs(sinceMs: number): Promise<number>;
  /** Drained runners finish what they have and are given nothing new. */
  drain(runners: string[], drained: boolean, by: string): Promise<void>;
  /** Lets P0 and people pass the 90% of every cap until the UTC day ends; answers until when. */
  override(on: boolean, by: string): Promise<number | null>;
  /** Puts a dead effect back into the outbox. */
  retryEffect(key: string): Promise<boolean>;
  status(): Promise<PoolStatus>;
}
