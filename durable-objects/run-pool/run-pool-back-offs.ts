import type { Sql } from '../shared/sql.ts';

/** Groups whose provider asked for a pause: until when none of their heavy runs begins. */
export class BackOffs {
  readonly #sql: Sql;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  /** The longest pause that was asked for counts. */
  add(group: string, until: number): void {
    this.#sql.run(
      `INSERT INTO back_offs (agent_group, until) VALUES (?, ?)
       ON CONFLICT (agent_group) DO UPDATE SET until = max(until, excluded.until)`,
      group,
      until,
    );
  }

  groupsAt(nowMs: number): Set<string> {
    const rows = this.#sql.all<{ name: string }>(
      'SELECT agent_group AS name FROM back_offs WHERE until > ?',
      nowMs,
    );
    return new Set(rows.map(({ name }) => name));
  }

  ends(): number[] {
    return this.#sql.all<{ until: number }>('SELECT until FROM back_offs').map(({ until }) => until);
  }

  forgetEnded(nowMs: number): void {
    this.#sql.run('DELETE FROM back_offs WHERE until <= ?', nowMs);
  }
}
