import { lineUp, type Turn } from '../../core/queue/turns.ts';
import { DELETED, isDistinct, redactColumns, redactJsonColumn } from '../shared/redact.ts';
import type { Sql, SqlValue } from '../shared/sql.ts';
import { type MessageRow, type StoredMessage, shownMessage } from './group-queue-rows.ts';

type Column = Exclude<keyof MessageRow & string, 'n' | 'id'>;

/** The table of one group's messages. What becomes of them is the store's to decide. */
export class GroupMessages {
  readonly #sql: Sql;
  readonly #group: string;

  constructor(sql: Sql, group: string) {
    this.#sql = sql;
    this.#group = group;
  }

  add(
    row: Pick<
      MessageRow,
      | 'id'
      | 'thread'
      | 'sender'
      | 'text'
      | 'turn'
      | 'incident'
      | 'at'
      | 'state'
      | 'queued_at'
      | 'priority'
      | 'reply'
      | 'attachment'
      | 'answers'
    >,
  ): void {
    const columns = Object.entries(row);
    this.#sql.run(
      `INSERT INTO messages (${columns.map(([name]) => name).join(', ')}) VALUES (${columns.map(() => '?').join(', ')})`,
      ...columns.map(([, value]) => value as SqlValue),
    );
  }

  row(id: string): MessageRow | null {
    return this.#sql.all<MessageRow>('SELECT * FROM messages WHERE id = ?', id)[0] ?? null;
  }

  known(id: string): MessageRow {
    const row = this.row(id);
    if (row === null) throw new Error(`message ${id} was not kept`);
    return row;
  }

  set(id: string, change: Partial<Pick<MessageRow, Column>>): void {
    const columns = Object.entries(change);
    this.#sql.run(
      `UPDATE messages SET ${columns.map(([name]) => `${name} = ?`).join(', ')} WHERE id = ?`,
      ...columns.map(([, value]) => value as SqlValue),
      id,
    );
  }

  active(): MessageRow[] {
    return this.#sql.all<MessageRow>(`SELECT * FROM messages WHERE state = 'active' ORDER BY n`);
  }

  /** The newest turn that this incident had. */
  turnOf(incident: string): MessageRow | null {
    return (
      this.#sql.all<MessageRow>(
        'SELECT * FROM messages WHERE incident = ? AND turn = 1 ORDER BY n DESC LIMIT 1',
        incident,
      )[0] ?? null
    );
  }

  /** What belongs to this turn, read by its run or not. */
  passedOn(turn: string): MessageRow[] {
    return this.#sql.all<MessageRow>(
      `SELECT * FROM messages WHERE steers = ? AND state IN ('steering', 'done') ORDER BY n`,
      turn,
    );
  }

  /** A person's newest message of a thread that has not come to its end. */
  newestOpen(thread: string): MessageRow | null {
    return (
      this.#sql.all<MessageRow>(
        `SELECT * FROM messages WHERE thread = ? AND reply IS NOT NULL
         AND (state IN ('waiting', 'active') OR (state = 'steering' AND answers IS NULL))
         AND seen_at IS NULL ORDER BY n DESC LIMIT 1`,
        thread,
      )[0] ?? null
    );
  }

  isThreadWaiting(thread: string): boolean {
    return (
      this.#sql.all(`SELECT 1 FROM messages WHERE state = 'waiting' AND thread = ? LIMIT 1`, thread).length >
      0
    );
  }

  count(state: 'waiting' | 'active' | 'parked'): number {
    return (
      this.#sql.all<{ c: number }>('SELECT count(*) AS c FROM messages WHERE state = ?', state)[0]?.c ?? 0
    );
  }

  /** What waits or is in its turn, in the order of arrival. */
  turns(): Turn[] {
    return this.#sql.all<Turn & Record<string, string | number>>(
      `SELECT id, thread, state, priority, max(queued_at, coalesce(
         (SELECT max(p.ended_at) FROM messages AS p WHERE p.thread = m.thread), 0)) AS readyAt
       FROM messages AS m WHERE state IN ('waiting', 'active') ORDER BY n`,
    );
  }

  position(id: string): number | null {
    const place = lineUp(this.turns()).indexOf(id);
    return place < 0 ? null : place + 1;
  }

  /** Newest first; `before` is the cursor of the page before. */
  page(before: number | null, limit: number): StoredMessage[] {
    const rows = this.#sql.all<MessageRow>(
      `SELECT * FROM messages WHERE n < ? ORDER BY n DESC LIMIT ${limit}`,
      before ?? Number.MAX_SAFE_INTEGER,
    );
    const line = rows.some(({ state }) => state === 'waiting') ? lineUp(this.turns()) : [];
    const places = new Map(line.map((id, index) => [id, index + 1]));
    return rows.map((row) => shownMessage(this.#group, row, places.get(row.id) ?? null));
  }

  /** Messages in which a text stands. */
  holding(text: string): MessageRow[] {
    if (!isDistinct(text)) return [];
    return this.#sql.all<MessageRow>(
      'SELECT * FROM messages WHERE instr(text, ?) > 0 OR instr(attachment, ?) > 0',
      text,
      text,
    );
  }

  /** Also out of what commands were answered. In messages of this incident it may be short. */
  redact(text: string, incident: string | null): void {
    if (isDistinct(text)) {
      redactColumns(this.#sql, 'messages', ['text', 'attachment'], text);
      redactJsonColumn(this.#sql, 'commands', 'answer', text);
    }
    if (incident !== null)
      this.#sql.run(
        `UPDATE messages SET text = replace(text, ?, '${DELETED}') WHERE incident = ? AND instr(text, ?) > 0`,
        text,
        incident,
        text,
      );
  }
}
