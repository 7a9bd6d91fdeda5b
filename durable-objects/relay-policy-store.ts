import { Journal } from './journal.ts';
import { auditRowOf } from './journal-audit.ts';
import { migrate } from './migrate.ts';
import { Outbox } from './outbox.ts';
import { ProjectionQueue } from './projection.ts';
import { relayPolicyMigrations } from './relay-policy-migrations.ts';
import type { Sql } from './sql.ts';

export interface Route {
  from: string;
  to: string;
  since: number;
  by: string;
}

export interface RelayRequestFacts {
  from: string;
  to: string;
  message: string;
  incident: string | null;
  run: string | null;
  at: number;
}

/** Which agent may write to which. What is not listed is refused, and each change and refusal is audited. */
export class RelayPolicyStore {
  readonly outbox: Outbox;
  readonly projections: ProjectionQueue;
  readonly journal: Journal;
  readonly #sql: Sql;
  readonly #changed: () => void;

  constructor(sql: Sql, changed: () => void) {
    migrate(sql, relayPolicyMigrations);
    this.#sql = sql;
    this.#changed = changed;
    this.outbox = new Outbox(sql);
    this.projections = new ProjectionQueue(sql);
    this.journal = new Journal(sql, 'relay-policy');
  }

  allows(from: string, to: string): boolean {
    return this.#sql.all('SELECT 1 FROM routes WHERE sender = ? AND target = ?', from, to).length > 0;
  }

  routes(): Route[] {
    return this.#sql.all<{ from: string; to: string; since: number; by: string }>(
      'SELECT sender AS "from", target AS "to", since, by FROM routes ORDER BY sender, target',
    );
  }

  allow(from: string, to: string, by: string, at: number): void {
    if (this.allows(from, to)) return;
    this.#audited('relay_route_allowed', { from, to, by }, at, () =>
      this.#sql.run('INSERT INTO routes (sender, target, since, by) VALUES (?, ?, ?, ?)', from, to, at, by),
    );
  }

  remove(from: string, to: string, by: string, at: number): boolean {
    if (!this.allows(from, to)) return false;
    this.#audited('relay_route_removed', { from, to, by }, at, () =>
      this.#sql.run('DELETE FROM routes WHERE sender = ? AND target = ?', from, to),
    );
    return true;
  }

  ask(request: RelayRequestFacts): { allowed: true } | { allowed: false; reason: string } {
    const { from, to, at, ...about } = request;
    if (this.allows(from, to)) return { allowed: true };
    const reason = `there is no relay route from ${from} to ${to}`;
    this.#audited('relay_refused', { from, to, ...about, by: from, reason }, at, () => {});
    return { allowed: false, reason };
  }

  #audited(type: string, data: unknown, at: number, work: () => void): void {
    try {
      this.#sql.transaction(() => {
        work();
        const line = this.journal.append({ at, type, v: 1, data });
        this.projections.add(auditRowOf(line, this.journal.chain));
        this.#changed();
      });
    } catch (error) {
      this.journal.forget();
      throw error;
    }
  }
}
