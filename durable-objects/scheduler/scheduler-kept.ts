import type { Projection } from '../../workers/db/projections.ts';
import type { OutboxItem } from '../shared/outbox.ts';
import type { Sql } from '../shared/sql.ts';

/** Single values that the Scheduler remembers by name, and the rows in D1 that follow from them. */
export class Kept {
  readonly #sql: Sql;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  get(name: string): string | null {
    return this.#sql.all<{ value: string }>('SELECT value FROM kept WHERE name = ?', name)[0]?.value ?? null;
  }

  set(name: string, value: string): void {
    this.#sql.run('INSERT OR REPLACE INTO kept (name, value) VALUES (?, ?)', name, value);
  }

  /** The one timer of this object as D1 shows it: overdue, it tells of a clock that stands still. Null: it shows that. */
  timerRow(dueAt: number | null): Projection | null {
    if (this.get('timer') === String(dueAt)) return null;
    this.set('timer', String(dueAt));
    const seq = this.#nextStateSeq();
    return {
      table: 'timers',
      row: { objectType: 'scheduler', object: 'schedules', name: 'next', seq, dueAt },
    };
  }

  deadLetterRow(item: OutboxItem, state: 'dead' | 'replayed', at: number): Projection {
    const { key, tries, error, body } = item;
    return {
      table: 'dead_letters',
      row: {
        id: `scheduler:${key}`,
        seq: this.#nextStateSeq(),
        objectType: 'scheduler',
        object: 'schedules',
        key,
        kind: 'schedule_due',
        incident: null,
        state,
        tries,
        error: error ?? '',
        body,
        at,
      },
    };
  }

  /** State rows in D1 go forward by this. */
  #nextStateSeq(): number {
    const seq = Number(this.get('state_seq') ?? 0) + 1;
    this.set('state_seq', String(seq));
    return seq;
  }
}
