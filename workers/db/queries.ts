import {
  and,
  count,
  desc,
  eq,
  getTableColumns,
  inArray,
  lt,
  notInArray,
  or,
  type SQL,
  sql,
} from 'drizzle-orm';
import { type DrizzleD1Database, drizzle } from 'drizzle-orm/d1';
import type { SQLiteColumn } from 'drizzle-orm/sqlite-core';
import { ENDED_STATUSES, type LoopName } from '../../core/loops/index.ts';
import { pipelineKeyPrefix } from '../../core/loops/pipeline-recovery/key.ts';
import {
  approvals,
  artifacts,
  costs,
  deadLetters,
  deliveries,
  incidents,
  runs,
  subjects,
  timers,
} from './schema.ts';

/** Reads for the operator: newest first, one page at a time. They see projections, which lag by moments. */
export interface PageRequest {
  /** At most so many rows. */
  limit: number;
  /** From the page before; null: the first page. */
  cursor: string | null;
}

export interface Page<Row> {
  items: Row[];
  /** Null: there is no further page. */
  cursor: string | null;
}

type Db = DrizzleD1Database<Record<string, never>>;

export const SEPARATOR = '~';

/** Rows older than the cursor’s: by time, and by id among those of the same moment. */
function before(cursor: string | null, time: SQLiteColumn, id: SQLiteColumn | SQL): SQL | undefined {
  if (cursor === null) return undefined;
  const [at = '', ...rest] = cursor.split(SEPARATOR);
  if (!/^\d{1,16}$/.test(at)) return undefined;
  const last = rest.join(SEPARATOR);
  return or(lt(time, Number(at)), and(eq(time, Number(at)), sql`${id} < ${last}`));
}

export function pageOf<Row>(rows: Row[], limit: number, keyOf: (row: Row) => [number, string]): Page<Row> {
  const items = rows.slice(0, limit);
  const last = items.at(-1);
  return {
    items,
    cursor: rows.length > limit && last !== undefined ? keyOf(last).join(SEPARATOR) : null,
  };
}

const dbOf = (d1: D1Database): Db => drizzle(d1);

/** `state`: a status, or `open` for all that are not over. */
export async function listIncidents(d1: D1Database, ask: PageRequest & { state: string | null }) {
  const rows = await dbOf(d1)
    .select()
    .from(incidents)
    .where(and(ofState(ask.state), before(ask.cursor, incidents.updatedAt, incidents.id)))
    .orderBy(desc(incidents.updatedAt), desc(incidents.id))
    .limit(ask.limit + 1);
  return pageOf(rows, ask.limit, (row) => [row.updatedAt, row.id]);
}

function ofState(state: string | null): SQL | undefined {
  if (state === null) return undefined;
  return state === 'open' ? notInArray(incidents.status, [...ENDED_STATUSES]) : eq(incidents.status, state);
}

export async function openIncidents(d1: D1Database, limit: number) {
  return (await listIncidents(d1, { state: 'open', limit, cursor: null })).items;
}

export async function listRuns(d1: D1Database, ask: PageRequest & { incident: string | null }) {
  const rows = await dbOf(d1)
    .select()
    .from(runs)
    .where(
      and(
        ask.incident === null ? undefined : eq(runs.incident, ask.incident),
        before(ask.cursor, runs.requestedAt, runs.id),
      ),
    )
    .orderBy(desc(runs.requestedAt), desc(runs.id))
    .limit(ask.limit + 1);
  return pageOf(rows, ask.limit, (row) => [row.requestedAt, row.id]);
}

export async function runsOf(d1: D1Database, incidents: readonly string[]): Promise<string[]> {
  if (incidents.length === 0) return [];
  const rows = await dbOf(d1)
    .select({ id: runs.id })
    .from(runs)
    .where(inArray(runs.incident, [...incidents]));
  return rows.map(({ id }) => id);
}

export async function listDeliveries(d1: D1Database, ask: PageRequest) {
  const rows = await dbOf(d1)
    .select()
    .from(deliveries)
    .where(before(ask.cursor, deliveries.receivedAt, deliveries.id))
    .orderBy(desc(deliveries.receivedAt), desc(deliveries.id))
    .limit(ask.limit + 1);
  return pageOf(rows, ask.limit, (row) => [row.receivedAt, row.id]);
}

/** Model calls, and what all of them cost together by run and model, whatever the page. */
export async function listCosts(
  d1: D1Database,
  ask: PageRequest & { incident: string | null; run: string | null },
) {
  const asked = and(
    ask.incident === null ? undefined : eq(costs.incident, ask.incident),
    ask.run === null ? undefined : eq(costs.run, ask.run),
  );
  const db = dbOf(d1);
  const [rows, totals] = await db.batch([
    db
      .select()
      .from(costs)
      .where(and(asked, before(ask.cursor, costs.at, costs.requestId)))
      .orderBy(desc(costs.at), desc(costs.requestId))
      .limit(ask.limit + 1),
    db
      .select({
        run: costs.run,
        group: costs.group,
        model: costs.model,
        calls: count(),
        inputTokens: total(costs.inputTokens),
        outputTokens: total(costs.outputTokens),
        cacheReadTokens: total(costs.cacheReadTokens),
        cacheWrite5mTokens: total(costs.cacheWrite5mTokens),
        cacheWrite1hTokens: total(costs.cacheWrite1hTokens),
        microUsd: total(costs.microUsd),
      })
      .from(costs)
      .where(asked)
      .groupBy(costs.run, costs.group, costs.model)
      .orderBy(desc(total(costs.microUsd)))
      .limit(MAX_TOTALS),
  ]);
  return { ...pageOf(rows, ask.limit, (row) => [row.at, row.requestId]), totals };
}

const total = (column: SQLiteColumn) => sql<number>`sum(${column})`;
/** Runs and models with the highest cost. */
const MAX_TOTALS = 200;

/** Artifacts with where they came from. The nth of a name within an incident, run or event is version n. */
export async function listArtifacts(
  d1: D1Database,
  ask: PageRequest & { incident: string | null; run: string | null },
) {
  const asked = and(
    ask.incident === null ? undefined : eq(artifacts.incident, ask.incident),
    ask.run === null ? undefined : eq(artifacts.run, ask.run),
  );
  const older = sql`(SELECT count(*) FROM artifacts AS older WHERE older.scope = ${artifacts}.scope
    AND older.name = ${artifacts}.name
    AND (older.at, older.sha256) <= (${artifacts}.at, ${artifacts}.sha256))`;
  const rows = await dbOf(d1)
    .select({
      ...getTableColumns(artifacts),
      version: sql<number>`${older}`.as('version'),
      rowid: sql<number>`${ARTIFACT_ROWID}`,
    })
    .from(artifacts)
    .where(and(asked, before(ask.cursor, artifacts.at, ARTIFACT_ROWID)))
    .orderBy(desc(artifacts.at), desc(ARTIFACT_ROWID))
    .limit(ask.limit + 1);
  const { items, cursor } = pageOf(rows, ask.limit, (row) => [row.at, String(row.rowid)]);
  return { items: items.map(({ rowid: _, ...row }) => row), cursor };
}

const ARTIFACT_ROWID = sql`${artifacts}.rowid`;

export async function listDeadLetters(
  d1: D1Database,
  ask: PageRequest & { kind: string | null; incident: string | null },
) {
  const rows = await dbOf(d1)
    .select()
    .from(deadLetters)
    .where(
      and(
        eq(deadLetters.state, 'dead'),
        ask.kind === null ? undefined : eq(deadLetters.kind, ask.kind),
        ask.incident === null ? undefined : eq(deadLetters.incident, ask.incident),
        before(ask.cursor, deadLetters.at, deadLetters.id),
      ),
    )
    .orderBy(desc(deadLetters.at), desc(deadLetters.id))
    .limit(ask.limit + 1);
  return pageOf(rows, ask.limit, (row) => [row.at, row.id]);
}

export async function findDeadLetter(d1: D1Database, id: string) {
  return (await dbOf(d1).select().from(deadLetters).where(eq(deadLetters.id, id)).limit(1))[0] ?? null;
}

export async function listApprovals(d1: D1Database, ask: PageRequest & { state: string | null }) {
  const rows = await dbOf(d1)
    .select()
    .from(approvals)
    .where(
      and(
        ask.state === null ? undefined : eq(approvals.state, ask.state),
        before(ask.cursor, approvals.askedAt, approvals.id),
      ),
    )
    .orderBy(desc(approvals.askedAt), desc(approvals.id))
    .limit(ask.limit + 1);
  return pageOf(rows, ask.limit, (row) => [row.askedAt, row.id]);
}

export async function findApproval(d1: D1Database, id: string) {
  return (await dbOf(d1).select().from(approvals).where(eq(approvals.id, id)).limit(1))[0] ?? null;
}

/** Which object holds a subject's text. */
export async function findSubject(d1: D1Database, id: string) {
  return (await dbOf(d1).select().from(subjects).where(eq(subjects.id, id)).limit(1))[0] ?? null;
}

/** Figures for the status page. */
export async function countOf(d1: D1Database) {
  const db = dbOf(d1);
  const [open, waiting, dead] = await db.batch([
    db
      .select({ n: count() })
      .from(incidents)
      .where(notInArray(incidents.status, [...ENDED_STATUSES])),
    db.select({ n: count() }).from(approvals).where(eq(approvals.state, 'waiting')),
    db.select({ n: count() }).from(deadLetters).where(eq(deadLetters.state, 'dead')),
  ]);
  return {
    openIncidents: open[0]?.n ?? 0,
    waitingApprovals: waiting[0]?.n ?? 0,
    deadLetters: dead[0]?.n ?? 0,
  };
}

export async function openLoops(d1: D1Database, loop: LoopName): Promise<number> {
  const rows = await dbOf(d1)
    .select({ n: count() })
    .from(incidents)
    .where(and(eq(incidents.loop, loop), notInArray(incidents.status, [...ENDED_STATUSES])));
  return rows[0]?.n ?? 0;
}

/** Events that were accepted and last touched before this time: what should deliver them may have lost its alarm. */
export async function waitingDeliveries(d1: D1Database, before: number, limit: number): Promise<string[]> {
  const rows = await dbOf(d1)
    .select({ id: deliveries.id })
    .from(deliveries)
    // As it stands in the index: with a parameter in its place the index is not used.
    .where(and(sql`${deliveries.status} = 'accepted'`, lt(deliveries.updatedAt, before)))
    .orderBy(deliveries.updatedAt)
    .limit(limit);
  return rows.map(({ id }) => id);
}

/** Objects with a timer due before this time: their alarm was lost. Oldest first, each once. */
export async function overdueObjects(d1: D1Database, dueBefore: number, limit: number) {
  return dbOf(d1)
    .selectDistinct({ objectType: timers.objectType, object: timers.object })
    .from(timers)
    .where(lt(timers.dueAt, dueBefore))
    .orderBy(timers.dueAt)
    .limit(limit);
}

/** Whether any pipeline incident of this project is open, as far as projections have come. */
export async function hasOpenPipelineIncident(
  d1: D1Database,
  organisation: string,
  project: string,
): Promise<boolean> {
  const prefix = pipelineKeyPrefix(organisation, project);
  const rows = await dbOf(d1)
    .select({ id: incidents.id })
    .from(incidents)
    .where(and(ofState('open'), sql`substr(${incidents.key}, 1, ${prefix.length}) = ${prefix}`))
    .limit(1);
  return rows.length > 0;
}
