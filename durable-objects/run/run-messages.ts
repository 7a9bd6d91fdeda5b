import type { SessionMessage } from '../../core/text/session-message.ts';
import { DELETED, redactColumns } from '../shared/redact.ts';
import type { Sql } from '../shared/sql.ts';

export const runMessagesTable = `CREATE TABLE messages (
  n INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  sender TEXT NOT NULL,
  text TEXT NOT NULL,
  at INTEGER NOT NULL,
  prompt_fence INTEGER NOT NULL DEFAULT 0,
  seen_at INTEGER
)`;

export interface KeptMessage extends SessionMessage {
  /** The lease whose session had it in its prompt; 0: none. */
  promptFence: number;
  /** When a model was given it. */
  seenAt: number | null;
}

/** What people, or trusted code, say to a run that is going on. */
export class RunMessages {
  readonly #sql: Sql;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  add({ id, from, text, at }: SessionMessage): void {
    this.#sql.run(
      'INSERT INTO messages (id, sender, text, at) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING',
      id,
      from,
      text,
      at,
    );
  }

  get(id: string): KeptMessage | null {
    return this.all().find((message) => message.id === id) ?? null;
  }

  all(): KeptMessage[] {
    return this.#sql
      .all<{
        id: string;
        sender: string;
        text: string;
        at: number;
        prompt_fence: number;
        seen_at: number | null;
      }>('SELECT id, sender, text, at, prompt_fence, seen_at FROM messages ORDER BY n')
      .map(({ sender: from, prompt_fence: promptFence, seen_at: seenAt, ...message }) => ({
        ...message,
        from,
        promptFence,
        seenAt,
      }));
  }

  /** A session under this lease begins with all that was said so far, also what an earlier one was given. */
  putIntoPrompt(fence: number): void {
    this.#sql.run('UPDATE messages SET prompt_fence = ?', fence);
  }

  /** Takes a text out of all, and these whole. */
  redact(texts: readonly string[], ids: readonly string[]): void {
    for (const text of texts) redactColumns(this.#sql, 'messages', ['text'], text);
    for (const id of ids) this.#sql.run('UPDATE messages SET text = ? WHERE id = ?', DELETED, id);
  }

  markSeen(id: string, at: number): void {
    this.#sql.run('UPDATE messages SET seen_at = ? WHERE id = ?', at, id);
  }
}
