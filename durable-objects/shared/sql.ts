/**
 * The little of SQLite that the stores use. The same store code runs over a Durable Object's storage and,
 * in tests and simulation, over node:sqlite. A LIMIT or OFFSET is written into the query as a number of ours: one
 * that is bound makes SQLite plan the whole statement anew each time (50 µs instead of 0.3 for the outbox's).
 */
export type SqlValue = string | number | null | ArrayBuffer;
export type SqlRow = Record<string, SqlValue>;

export interface Sql {
  all<Row extends SqlRow = SqlRow>(query: string, ...bindings: SqlValue[]): Row[];
  run(query: string, ...bindings: SqlValue[]): void;
  /** Everything inside is written, or nothing. Must not await. */
  transaction<T>(work: () => T): T;
}

export function sqlOf(storage: DurableObjectStorage): Sql {
  return {
    all: <Row extends SqlRow>(query: string, ...bindings: SqlValue[]) =>
      storage.sql.exec<Row>(query, ...bindings).toArray(),
    run: (query, ...bindings) => {
      storage.sql.exec(query, ...bindings);
    },
    transaction: (work) => storage.transactionSync(work),
  };
}
