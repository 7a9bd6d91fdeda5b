import type { Sql } from './sql.ts';

/**
 * Applies an object's append-only list of migrations: statement n is applied once, ever.
 * Editing an applied one fails at start: history does not change.
 */
export function migrate(sql: Sql, migrations: readonly string[]): void {
  sql.run('CREATE TABLE IF NOT EXISTS _migrations (n INTEGER PRIMARY KEY, statement TEXT NOT NULL)');
  const applied = sql.all<{ n: number; statement: string }>(
    'SELECT n, statement FROM _migrations ORDER BY n',
  );
  for (const { n, statement } of applied) {
    if (migrations[n] !== statement) throw new Error(`migration ${n} was edited after it had been applied`);
  }
  for (let n = applied.length; n < migrations.length; n++) {
    const statement = migrations[n] as string;
    sql.transaction(() => {
      sql.run(statement);
      sql.run('INSERT INTO _migrations (n, statement) VALUES (?, ?)', n, statement);
    });
  }
}
