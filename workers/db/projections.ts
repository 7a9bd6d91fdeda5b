import { type Column, fillPlaceholders, getTableColumns, sql } from 'drizzle-orm';
import type { BatchItem } from 'drizzle-orm/batch';
import { type DrizzleD1Database, drizzle } from 'drizzle-orm/d1';
import type { SQLiteTable } from 'drizzle-orm/sqlite-core';
import {
  type ApprovalRow,
  type ArtifactRow,
  type AuditRow,
  approvals,
  artifacts,
  audit,
  type CostRow,
  costs,
  type DeadLetterRow,
  type DeliveryRow,
  deadLetters,
  deliveries,
  type IncidentRow,
  incidents,
  type RunRow,
  runs,
  type SubjectRow,
  subjects,
  type TimerRow,
  timers,
} from './schema.ts';

/** A row for D1 as an object keeps it until it is sent. */
export type Projection =
  | { table: 'audit'; row: AuditRow }
  | { table: 'costs'; row: CostRow }
  | { table: 'subjects'; row: SubjectRow }
  | { table: 'incidents'; row: IncidentRow }
  | { table: 'runs'; row: RunRow }
  | { table: 'deliveries'; row: DeliveryRow }
  | { table: 'dead_letters'; row: DeadLetterRow }
  | { table: 'approvals'; row: ApprovalRow }
  | { table: 'timers'; row: TimerRow }
  | { table: 'artifacts'; row: ArtifactRow };

type Db = DrizzleD1Database<Record<string, never>>;

/** The SET clause of an upsert: every column as the new row has it. */
function newValues(table: SQLiteTable): Record<string, ReturnType<typeof sql.raw>> {
  return Object.fromEntries(
    Object.entries(getTableColumns(table)).map(([name, column]: [string, Column]) => [
      name,
      sql.raw(`excluded."${column.name}"`),
    ]),
  );
}

/** Append-only rows are written once; state rows only when they are newer than what is there. */
function statementOf(db: Db, projection: Projection): BatchItem<'sqlite'> {
  switch (projection.table) {
    case 'audit':
      return db.insert(audit).values(projection.row).onConflictDoNothing();
    case 'costs':
      return db.insert(costs).values(projection.row).onConflictDoNothing();
    case 'artifacts':
      return db.insert(artifacts).values(projection.row).onConflictDoNothing();
    case 'subjects':
      return db.insert(subjects).values(projection.row).onConflictDoNothing();
    case 'incidents':
      return db
        .insert(incidents)
        .values(projection.row)
        .onConflictDoUpdate({
          target: incidents.id,
          set: newValues(incidents),
          setWhere: sql`excluded.seq > ${incidents.seq}`,
        });
    case 'runs':
      return db
        .insert(runs)
        .values(projection.row)
        .onConflictDoUpdate({
          target: runs.id,
          set: newValues(runs),
          setWhere: sql`excluded.seq > ${runs.seq}`,
        });
    case 'deliveries':
      return db
        .insert(deliveries)
        .values(projection.row)
        .onConflictDoUpdate({
          target: deliveries.id,
          set: newValues(deliveries),
          setWhere: sql`excluded.seq > ${deliveries.seq}`,
        });
    case 'dead_letters':
      return db
        .insert(deadLetters)
        .values(projection.row)
        .onConflictDoUpdate({
          target: deadLetters.id,
          set: newValues(deadLetters),
          setWhere: sql`excluded.seq > ${deadLetters.seq}`,
        });
    case 'approvals':
      return db
        .insert(approvals)
        .values(projection.row)
        .onConflictDoUpdate({
          target: approvals.id,
          set: { ...newValues(approvals), askedAt: sql`${approvals.askedAt}` },
          setWhere: sql`excluded.seq > ${approvals.seq}`,
        });
    case 'timers':
      return db
        .insert(timers)
        .values(projection.row)
        .onConflictDoUpdate({
          target: [timers.objectType, timers.object, timers.name],
          set: newValues(timers),
          setWhere: sql`excluded.seq > ${timers.seq}`,
        });
  }
}

/** Building a statement costs more than all else about a row: it is built once per set of columns, with holes. */
const statements = new Map<string, { text: string; params: unknown[] }>();

function preparedOf(db: Db, { table, row }: Projection): { text: string; params: unknown[] } {
  // Rows of another version of this program may have fewer columns, or more.
  const name = `${table}:${Object.keys(row).join()}`;
  const known = statements.get(name);
  if (known) return known;
  const holes = Object.fromEntries(Object.keys(row).map((name) => [name, sql.placeholder(name)]));
  const query = statementOf(db, { table, row: holes } as unknown as Projection) as unknown as {
    toSQL(): { sql: string; params: unknown[] };
  };
  const { sql: text, params } = query.toSQL();
  statements.set(name, { text, params });
  return { text, params };
}

/** Writes the rows in one transaction; writing them again changes nothing. */
export async function writeProjections(d1: D1Database, projections: readonly Projection[]): Promise<void> {
  if (projections.length === 0) return;
  const db: Db = drizzle(d1);
  await d1.batch(
    projections.map((projection) => {
      const { text, params } = preparedOf(db, projection);
      return d1.prepare(text).bind(...fillPlaceholders(params, { ...projection.row }));
    }),
  );
}

/** State rows hold all there is to say: of several of one thing only the last counts. */
function nameOf({ table, row }: Projection): string | null {
  switch (table) {
    case 'incidents':
    case 'runs':
    case 'deliveries':
    case 'dead_letters':
      return `${table}/${row.id}`;
    case 'timers':
      return `${table}/${row.objectType}/${row.object}/${row.name}`;
    default:
      return null;
  }
}

/** The rows without those that a later one of the same list replaces. */
export function withoutReplaced(projections: readonly Projection[]): Projection[] {
  const names = projections.map(nameOf);
  const last = new Map(names.map((name, index) => [name, index]));
  return projections.filter((_, index) => names[index] === null || last.get(names[index] ?? null) === index);
}
