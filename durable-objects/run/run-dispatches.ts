import { type DispatchDecision, decideDispatch } from '../../core/governors/dispatch.ts';
import type { Sql } from '../shared/sql.ts';
import type { RunBook } from './run-book.ts';

export const runDispatchesTable = `CREATE TABLE dispatches (
  n INTEGER PRIMARY KEY AUTOINCREMENT,
  key TEXT NOT NULL UNIQUE,
  agent_group TEXT NOT NULL,
  budget_micro_usd INTEGER NOT NULL,
  at INTEGER NOT NULL
)`;

export interface Child {
  /** The same for the same request: a session that is done again dispatches nothing twice. */
  key: string;
  group: string;
  budgetMicroUsd: number;
}

export type DispatchAnswer =
  | DispatchDecision
  | { allowed: false; code: 'dispatch_budget' | 'dispatch_ended'; reason: string };

/** The runs that one run has dispatched: how many, and what of its budget went with them. */
export class RunDispatches {
  readonly #sql: Sql;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  /** Takes the child's budget from its parent's. Runs inside `change` of the book. */
  add(book: RunBook, child: Child, nowMs: number): DispatchAnswer {
    if (this.#isKnown(child.key)) return { allowed: true, warning: null };
    const { record } = book;
    if (!record || record.status === 'ended')
      return { allowed: false, code: 'dispatch_ended', reason: 'this run has ended' };
    const left = record.budgetMicroUsd === null ? null : record.budgetMicroUsd - record.costMicroUsd;
    const decision: DispatchAnswer =
      left !== null && child.budgetMicroUsd >= left
        ? { allowed: false, code: 'dispatch_budget', reason: `of its budget $${usd(left)} are left` }
        : decideDispatch(this.count());
    const by = record.spec.group;
    const { key, group, budgetMicroUsd } = child;
    if (!decision.allowed) {
      book.audit('dispatch_refused', { by, to: group, code: decision.code }, nowMs);
      return decision;
    }
    this.#sql.run(
      'INSERT INTO dispatches (key, agent_group, budget_micro_usd, at) VALUES (?, ?, ?, ?)',
      key,
      group,
      budgetMicroUsd,
      nowMs,
    );
    if (record.budgetMicroUsd !== null)
      book.update({ budgetMicroUsd: record.budgetMicroUsd - budgetMicroUsd });
    book.audit('dispatched', { by, to: group, key, budgetMicroUsd, n: this.count() }, nowMs);
    return decision;
  }

  count(): number {
    return this.#sql.all<{ c: number }>('SELECT count(*) AS c FROM dispatches')[0]?.c ?? 0;
  }

  #isKnown(key: string): boolean {
    return this.#sql.all('SELECT 1 FROM dispatches WHERE key = ?', key).length > 0;
  }
}

const usd = (microUsd: number): string => (Math.max(0, microUsd) / 1_000_000).toFixed(2);
