import {
  alertOfCap,
  type BudgetCaps,
  type CapUse,
  decideReservation,
  levelOfCap,
  nextDayAt,
  type Reservation,
} from '../../core/cost/caps.ts';
import type { Lease, Leases } from './run-pool-leases.ts';
import type { Spending, SpentByDay } from './run-pool-spending.ts';
import type { Waiting } from './run-pool-waiting.ts';

export interface PoolBudgetDeps {
  leases: Leases;
  spending: Spending;
  /** `problem`: they cannot be read, so that nothing new may be spent. */
  caps(): BudgetCaps | { problem: string };
  audit(type: string, data: unknown, at: number): void;
  isTold(key: string): boolean;
  tellOperator(key: string, about: string, text: string, at: number): void;
  /** For good, once per lease. */
  endForBudget(lease: Lease, detail: string, at: number): void;
}

/** The hard caps (row D4): what may begin, what is told, what is ended. Works inside the pool's transactions. */
export class PoolBudget {
  readonly #deps: PoolBudgetDeps;

  constructor(deps: PoolBudgetDeps) {
    this.#deps = deps;
  }

  /** Whether a run can be paid now. */
  reservation(run: Omit<Waiting, 'n'>, nowMs: number): Reservation {
    const { spending, leases } = this.#deps;
    const caps = this.#deps.caps();
    if ('problem' in caps) return { kind: 'refuse', code: 'budget_settings', reason: caps.problem };
    const uses = spending.uses(run.group, caps, leases.held(), nowMs);
    return decideReservation(run.budgetMicroUsd, this.isPassing(run, nowMs), uses);
  }

  /** Urgent work under an override. */
  isPassing({ forPerson, priority }: Pick<Waiting, 'forPerson' | 'priority'>, nowMs: number): boolean {
    return (forPerson || priority === 0) && this.#deps.spending.override(nowMs) !== null;
  }

  /** Books what is new in a run's totals; a cap may be reached by it. */
  book(run: string, spent: SpentByDay, nowMs: number): void {
    const { spending, leases } = this.#deps;
    const lease = leases.get(run);
    if (lease === null) return;
    const added = spending.book(run, lease.group, spent, nowMs);
    if (added === 0) return;
    leases.addSpent(run, added);
    this.#watchCaps(lease.group, nowMs);
  }

  /** Lets urgent work pass the 90% of every cap until the UTC day ends; answers until when. */
  setOverride(on: boolean, by: string, nowMs: number): number | null {
    const until = on ? nextDayAt(nowMs) : null;
    this.#deps.spending.setOverride(until, by);
    this.#deps.audit('budget_override', { by, on, until }, nowMs);
    return until;
  }

  /** Tells the operator once per cap, period and level; ends what is charged to a cap that is spent. */
  #watchCaps(group: string, nowMs: number): void {
    const caps = this.#deps.caps();
    if ('problem' in caps) return;
    const held = this.#deps.leases.held();
    for (const use of this.#deps.spending.uses(group, caps, held, nowMs)) {
      const level = levelOfCap(use);
      if (level === 'open') continue;
      const isCharged = (lease: Lease): boolean => use.group === null || use.group === lease.group;
      const charged = level === 'spent' ? held.filter(isCharged) : [];
      const text = alertOfCap(use, level, charged.length);
      this.#alert(use, level, text, nowMs);
      for (const lease of charged) this.#deps.endForBudget(lease, text, nowMs);
    }
  }

  #alert(use: CapUse, level: 'told' | 'closed' | 'spent', text: string, nowMs: number): void {
    const { cap, period, group, spentMicroUsd, capMicroUsd } = use;
    const key = `budget:${cap}:${period}:${group ?? ''}:${level}`;
    if (this.#deps.isTold(key)) return;
    this.#deps.audit('budget_alert', { cap, period, group, level, spentMicroUsd, capMicroUsd }, nowMs);
    this.#deps.tellOperator(key, 'budget', text, nowMs);
  }
}
