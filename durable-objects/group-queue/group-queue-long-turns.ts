import type { Outbox } from '../shared/outbox.ts';
import type { ProjectionQueue } from '../shared/projection.ts';
import type { Sql } from '../shared/sql.ts';
import type { GroupMessages } from './group-queue-messages.ts';
import type { MessageRow } from './group-queue-rows.ts';

/** Longer than a session and what follows it take; then the incident is asked whether it still needs the turn. */
const LOOK_AFTER_MS = 60 * 60_000;
/** Looks are rounded to this, so that not every turn moves the alarm and its row. */
const LOOK_STEP_MS = 30 * 60_000;

const lookAt = ({ looked_at, granted_at, at }: MessageRow): number =>
  Math.ceil(((looked_at ?? granted_at ?? at) + LOOK_AFTER_MS) / LOOK_STEP_MS) * LOOK_STEP_MS;

/** Looks after turns that are held for very long: who would end one may have been lost. */
export class LongTurns {
  readonly #sql: Sql;
  readonly #messages: GroupMessages;

  constructor(sql: Sql, messages: GroupMessages) {
    this.#sql = sql;
    this.#messages = messages;
  }

  /** When an active turn is looked after next. */
  nextAt(): number | null {
    const due = this.#messages.active().map(lookAt);
    return due.length === 0 ? null : Math.min(...due);
  }

  isDue(nowMs: number): boolean {
    return (this.nextAt() ?? Number.POSITIVE_INFINITY) <= nowMs;
  }

  /** The incidents of the turns that are due are asked once more. */
  ask(outbox: Outbox, nowMs: number): void {
    for (const { id } of this.#messages.active().filter((row) => lookAt(row) <= nowMs)) {
      this.#messages.set(id, { looked_at: nowMs });
      outbox.add({ key: `look:${id}:${nowMs}`, kind: 'look', lane: null, body: id }, nowMs);
    }
  }

  /** D1 sees the next one as the timer of this group's object. */
  project(group: string, projections: ProjectionQueue): void {
    const dueAt = this.nextAt();
    const known = this.#sql.all<{ seq: number; due_at: number | null }>('SELECT seq, due_at FROM look')[0];
    if ((known?.due_at ?? null) === dueAt) return;
    const seq = (known?.seq ?? 0) + 1;
    this.#sql.run('INSERT OR REPLACE INTO look (one, seq, due_at) VALUES (1, ?, ?)', seq, dueAt);
    const row = { objectType: 'group_queue', object: group, name: 'look', seq, dueAt };
    projections.add({ table: 'timers', row });
  }
}
