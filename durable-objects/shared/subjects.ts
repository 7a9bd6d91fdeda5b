import { DELETED, MIN_REDACTED_CHARS } from './redact.ts';
import type { Sql } from './sql.ts';

export const subjectsTable = `CREATE TABLE subjects (
  id TEXT PRIMARY KEY,
  salt TEXT NOT NULL,
  text TEXT
)`;

/** Personal texts that journals refer to by id. Deleting one leaves the id and takes the text and the salt. */
export class Subjects {
  readonly #sql: Sql;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  /** A known subject is left as it is, also a deleted one: a late event does not bring a person back. */
  put(id: string, text: string, salt: string): void {
    this.#sql.run(
      'INSERT INTO subjects (id, salt, text) VALUES (?, ?, ?) ON CONFLICT (id) DO NOTHING',
      id,
      salt,
      text,
    );
  }

  text(id: string): string | undefined {
    return (
      this.#sql.all<{ text: string | null }>('SELECT text FROM subjects WHERE id = ?', id)[0]?.text ??
      undefined
    );
  }

  /** Takes a text out of all that hold it; their digests can be checked no more. Gives which they are. */
  redact(text: string): string[] {
    const isWord = text.length >= MIN_REDACTED_CHARS;
    return this.#sql
      .all<{ id: string }>(
        `UPDATE subjects SET text = replace(text, ?, '${DELETED}'), salt = ''
         WHERE text = ? OR (? = 1 AND instr(text, ?) > 0) RETURNING id`,
        text,
        text,
        Number(isWord),
        text,
      )
      .map(({ id }) => id);
  }

  /** Gives the text that was taken away; undefined when there was none. */
  delete(id: string): string | undefined {
    const text = this.text(id);
    this.#sql.run(`UPDATE subjects SET text = NULL, salt = '' WHERE id = ?`, id);
    return text;
  }
}
