import { groupQueueMigrations } from './group-queue-migrations.ts';
import { decideTurns, type Turn } from './group-queue-turns.ts';
import { migrate } from './migrate.ts';
import { Outbox } from './outbox.ts';
import type { Failure } from './outbox-drain.ts';
import { ProjectionQueue } from './projection.ts';
import type { GroupMessage } from './rpc.ts';
import type { Sql } from './sql.ts';

export type MessageState = 'noted' | 'waiting' | 'active' | 'done';

export interface StoredMessage extends GroupMessage {
  n: number;
  at: number;
  state: MessageState;
  /** 1 is next; null unless it waits. */
  position: number | null;
}

interface MessageRow extends Record<string, string | number | null> {
  n: number;
  id: string;
  thread: string;
  sender: string;
  text: string;
  turn: number;
  incident: string | null;
  at: number;
  state: MessageState;
}

/** The messages of one group, kept in order, and whose turn it is. */
export class GroupQueueStore {
  readonly outbox: Outbox;
  readonly projections: ProjectionQueue;
  readonly #sql: Sql;
  readonly #group: string;
  readonly #maxConcurrent: number;
  readonly #changed: () => void;

  constructor(sql: Sql, group: string, maxConcurrent: number, changed: () => void) {
    migrate(sql, groupQueueMigrations);
    this.#sql = sql;
    this.#group = group;
    this.#maxConcurrent = maxConcurrent;
    this.#changed = changed;
    this.outbox = new Outbox(sql);
    this.projections = new ProjectionQueue(sql);
  }

  /** `show`: the group has a chat, where the message is to appear. A known id changes nothing. */
  enqueue(
    message: GroupMessage & { at: number },
    show: boolean,
  ): { state: 'active' | 'waiting' | 'noted'; position: number } {
    if (this.get(message.id) === null) {
      this.#sql.transaction(() => {
        const state: MessageState = message.turn ? 'waiting' : 'noted';
        this.#sql.run(
          `INSERT INTO messages (id, thread, sender, text, turn, incident, at, state)
           VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
          message.id,
          message.thread,
          message.from,
          message.text,
          message.turn ? 1 : 0,
          message.incident,
          message.at,
          state,
        );
        if (show && !message.isShown)
          this.outbox.add(
            { key: `show:${message.id}`, kind: 'show', lane: 'show', body: message.id },
            message.at,
          );
        this.#grant(message.at);
        this.#changed();
      });
    }
    const stored = this.get(message.id);
    if (stored === null) throw new Error(`message ${message.id} was not kept`);
    const state = stored.state === 'done' ? 'noted' : stored.state;
    return { state, position: stored.position ?? 0 };
  }

  endTurn(message: string, at: number): void {
    this.#sql.transaction(() => {
      this.#sql.run(
        `UPDATE messages SET state = 'done', ended_at = ? WHERE id = ? AND state IN ('waiting', 'active')`,
        at,
        message,
      );
      this.#grant(at);
      this.#changed();
    });
  }

  redact(incident: string, text: string): void {
    this.#sql.run(
      `UPDATE messages SET text = replace(text, ?, '(deleted)') WHERE incident = ? AND instr(text, ?) > 0`,
      text,
      incident,
      text,
    );
  }

  done(key: string): void {
    this.#sql.transaction(() => {
      this.outbox.done(key);
      this.#changed();
    });
  }

  fail(key: string, failure: Failure): void {
    this.#sql.transaction(() => {
      if (this.outbox.fail(key, failure).kind === 'dead') this.#bury(key, failure);
      this.#changed();
    });
  }

  retry(key: string, at: number): boolean {
    return this.#sql.transaction(() => {
      const revived = this.outbox.revive(key, at);
      this.#changed();
      return revived;
    });
  }

  get(id: string): StoredMessage | null {
    const row = this.#sql.all<MessageRow>('SELECT * FROM messages WHERE id = ?', id)[0];
    return row ? this.#messageOf(row) : null;
  }

  /** Newest first; `before` is the cursor of the page before. */
  messages(before: number | null, limit: number): StoredMessage[] {
    return this.#sql
      .all<MessageRow>(
        'SELECT * FROM messages WHERE n < ? ORDER BY n DESC LIMIT ?',
        before ?? Number.MAX_SAFE_INTEGER,
        limit,
      )
      .map((row) => this.#messageOf(row));
  }

  #grant(at: number): void {
    const turns = this.#sql.all<Turn & Record<string, string>>(
      `SELECT id, thread, state FROM messages WHERE state IN ('waiting', 'active') ORDER BY n`,
    );
    for (const id of decideTurns(turns, this.#maxConcurrent)) {
      this.#sql.run(`UPDATE messages SET state = 'active' WHERE id = ?`, id);
      this.outbox.add({ key: `grant:${id}`, kind: 'grant', lane: null, body: id }, at);
    }
  }

  #bury(key: string, failure: Failure): void {
    const item = this.outbox.get(key);
    if (item === null) return;
    this.projections.add({
      table: 'dead_letters',
      row: {
        id: `group:${this.#group}:${key}`,
        seq: failure.nowMs,
        objectType: 'group_queue',
        object: this.#group,
        key,
        kind: item.kind,
        incident: this.get(item.body)?.incident ?? null,
        state: 'dead',
        tries: item.tries,
        error: failure.error,
        body: item.body,
        at: failure.nowMs,
      },
    });
  }

  #messageOf({ sender, turn, ended_at: _, ...row }: MessageRow): StoredMessage {
    const position =
      row.state === 'waiting'
        ? (this.#sql.all<{ c: number }>(
            `SELECT count(*) AS c FROM messages WHERE state = 'waiting' AND n <= ?`,
            row.n,
          )[0]?.c ?? 0)
        : null;
    return { ...row, group: this.#group, from: sender, turn: turn === 1, position };
  }
}
