import type { Sql, SqlRow } from './sql.ts';

export const DELETED = '(deleted)';
/** A shorter text is a piece of other words, which nobody asked to delete. */
export const MIN_REDACTED_CHARS = 4;
/** Only what is longer is looked for where nobody says that it stands: it is somebody's, and no common word. */
const MIN_DISTINCT_CHARS = 12;

export const isDistinct = (text: string): boolean => text.length >= MIN_DISTINCT_CHARS;

/** How a text may stand in what is kept: as it is, within JSON, and within JSON that is itself within JSON. */
export function formsOf(text: string): string[] {
  if (text.length < MIN_REDACTED_CHARS) return [];
  const inJson = JSON.stringify(text).slice(1, -1);
  return [...new Set([text, inJson, JSON.stringify(inJson).slice(1, -1)])];
}

/** Takes a text out of these columns of plain text, wherever it stands. */
export function redactColumns(sql: Sql, table: string, columns: readonly string[], text: string): void {
  for (const form of formsOf(text))
    for (const column of columns)
      sql.run(
        `UPDATE ${table} SET ${column} = replace(${column}, ?, '${DELETED}') WHERE instr(${column}, ?) > 0`,
        form,
        form,
      );
}

/** As `redactColumns`, of a column of JSON: only within its strings, so that it stays what it is. */
export function redactJsonColumn(sql: Sql, table: string, column: string, text: string): void {
  for (const form of formsOf(text)) {
    const rows = sql.all<SqlRow & { id: number; json: string }>(
      `SELECT rowid AS id, ${column} AS json FROM ${table} WHERE instr(${column}, ?) > 0`,
      form,
    );
    for (const { id, json } of rows)
      sql.run(
        `UPDATE ${table} SET ${column} = ? WHERE rowid = ?`,
        JSON.stringify(withoutText(JSON.parse(json), text)),
        id,
      );
  }
}

/** A value without a text in any of its strings. */
export function withoutText<T>(value: T, text: string): T;
export function withoutText(value: unknown, text: string): unknown {
  if (typeof value === 'string')
    return formsOf(text).reduce((rest, form) => rest.replaceAll(form, DELETED), value);
  if (Array.isArray(value)) return value.map((item: unknown) => withoutText(item, text));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, withoutText(member, text)]));
}
