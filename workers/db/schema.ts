import { sql } from 'drizzle-orm';
import { index, integer, primaryKey, sqliteTable, text } from 'drizzle-orm/sqlite-core';

/**
 * Everything here is a projection: rows are copied from the journals and outboxes of the objects and can be
 * rebuilt from them. Times are epoch milliseconds, money is micro-dollars. Append-only rows carry the key of
 * their source; state rows carry `seq` and go only forward.
 */

/** One row per action. `data` is the canonical JSON that was hashed: `{ at, type, v, data }`. */
export const audit = sqliteTable(
  'audit',
  {
    chain: text().notNull(),
    seq: integer().notNull(),
    prev: text().notNull(),
    hash: text().notNull(),
    at: integer().notNull(),
    /** Who acted: `dogwatch`, a group, a source, or a subject id. */
    actor: text().notNull(),
    action: text().notNull(),
    incident: text(),
    run: text(),
    model: text(),
    costMicroUsd: integer('cost_micro_usd'),
    /** The agent that did it or that it is about; null: none. */
    agent: text(),
    toolCalls: integer('tool_calls'),
    /** Of a result: why the agent concluded so. Clipped; the whole is in `data`. */
    reasoning: text(),
    /** Subject ids that the action refers to, as a JSON array. */
    subjects: text().notNull().default('[]'),
    data: text().notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.chain, table.seq] }),
    index('audit_at').on(table.at),
    index('audit_incident').on(table.incident, table.at),
    index('audit_action').on(table.action, table.at),
    index('audit_actor').on(table.actor, table.at),
  ],
);

/**
 * Rows of older months, moved to R2 as gzip-compressed NDJSON under `key`: one canonical JSON row per line,
 * oldest first. The lists say what is inside, so that a search opens only what may hold an answer.
 */
export const auditSegments = sqliteTable(
  'audit_segments',
  {
    key: text().primaryKey(),
    /** UTC month, as in 2026-03. */
    month: text().notNull(),
    fromAt: integer('from_at').notNull(),
    toAt: integer('to_at').notNull(),
    rows: integer().notNull(),
    sizeBytes: integer('size_bytes').notNull(),
    /** Of the NDJSON before compression. */
    sha256: text().notNull(),
    /** JSON arrays of the distinct values inside. */
    incidents: text().notNull(),
    actions: text().notNull(),
    actors: text().notNull(),
    archivedAt: integer('archived_at').notNull(),
  },
  (table) => [index('audit_segments_to').on(table.toAt)],
);

/** Which stretch of a chain lies in which segment. */
export const auditSegmentChains = sqliteTable(
  'audit_segment_chains',
  {
    chain: text().notNull(),
    segment: text().notNull(),
    firstSeq: integer('first_seq').notNull(),
    lastSeq: integer('last_seq').notNull(),
  },
  (table) => [primaryKey({ columns: [table.chain, table.segment] })],
);

/** Posts that go out once per period; a row says that this one is settled. */
export const periodicPosts = sqliteTable('periodic_posts', {
  /** As in `weekly-review:2026-03-09`. */
  id: text().primaryKey(),
  at: integer().notNull(),
  /** False: there was nothing to tell. */
  told: integer({ mode: 'boolean' }).notNull(),
});

/** What is kept in R2, and where it came from. The nth artifact of a name within its scope is its version n. */
export const artifacts = sqliteTable(
  'artifacts',
  {
    /** The incident it belongs to, else the run, else the event. */
    scope: text().notNull(),
    name: text().notNull(),
    sha256: text().notNull(),
    contentType: text('content_type').notNull(),
    sizeBytes: integer('size_bytes').notNull(),
    /** `log`, `excerpt`, `bundle`, `diff`, `proof`, `transcript`, `body`, `output`. */
    kind: text().notNull(),
    /** Id of the object that stored the reference: an incident, a run, an event. */
    producedBy: text('produced_by').notNull(),
    incident: text(),
    run: text(),
    at: integer().notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.scope, table.name, table.sha256] }),
    index('artifacts_run').on(table.run),
    index('artifacts_at').on(table.at),
    index('artifacts_sha256').on(table.sha256),
  ],
);

/** One root per UTC day over the heads of all chains. */
export const auditRoots = sqliteTable('audit_roots', {
  day: text().primaryKey(),
  root: text().notNull(),
  chains: integer().notNull(),
  at: integer().notNull(),
});

/** One row per model call, keyed by the provider's request id: counting twice is impossible. */
export const costs = sqliteTable(
  'costs',
  {
    requestId: text('request_id').primaryKey(),
    at: integer().notNull(),
    run: text().notNull(),
    group: text('agent_group').notNull(),
    thread: text(),
    incident: text(),
    schedule: text(),
    skill: text(),
    model: text().notNull(),
    inputTokens: integer('input_tokens').notNull(),
    outputTokens: integer('output_tokens').notNull(),
    cacheReadTokens: integer('cache_read_tokens').notNull(),
    cacheWrite5mTokens: integer('cache_write_5m_tokens').notNull(),
    cacheWrite1hTokens: integer('cache_write_1h_tokens').notNull(),
    microUsd: integer('micro_usd').notNull(),
    priceVersion: text('price_version').notNull(),
    /** 0: the model was not in the table and was priced as the dearest. */
    priceKnown: integer('price_known', { mode: 'boolean' }).notNull(),
  },
  (table) => [
    index('costs_at').on(table.at),
    index('costs_run').on(table.run),
    index('costs_incident').on(table.incident),
  ],
);

export const incidents = sqliteTable(
  'incidents',
  {
    id: text().primaryKey(),
    seq: integer().notNull(),
    key: text().notNull(),
    loop: text().notNull(),
    episode: integer().notNull(),
    status: text().notNull(),
    /** One line for a list: repository, branch, step. */
    title: text().notNull(),
    openedAt: integer('opened_at').notNull(),
    updatedAt: integer('updated_at').notNull(),
  },
  (table) => [
    index('incidents_status').on(table.status, table.updatedAt),
    index('incidents_key').on(table.key),
  ],
);

export const runs = sqliteTable(
  'runs',
  {
    id: text().primaryKey(),
    seq: integer().notNull(),
    group: text('agent_group').notNull(),
    kind: text().notNull(),
    purpose: text().notNull(),
    incident: text().notNull(),
    episode: integer().notNull(),
    model: text().notNull(),
    status: text().notNull(),
    fence: integer().notNull(),
    runner: text(),
    image: text(),
    imageDigest: text('image_digest'),
    requestedAt: integer('requested_at').notNull(),
    startedAt: integer('started_at'),
    endedAt: integer('ended_at'),
    endReason: text('end_reason'),
    turns: integer(),
    toolCalls: integer('tool_calls').notNull(),
    costMicroUsd: integer('cost_micro_usd').notNull(),
    transcript: text(),
  },
  (table) => [
    index('runs_requested').on(table.requestedAt),
    index('runs_incident').on(table.incident),
    index('runs_status').on(table.status),
  ],
);

export const deliveries = sqliteTable(
  'deliveries',
  {
    id: text().primaryKey(),
    seq: integer().notNull(),
    source: text().notNull(),
    delivery: text().notNull(),
    type: text().notNull(),
    status: text().notNull(),
    receivedAt: integer('received_at').notNull(),
    updatedAt: integer('updated_at').notNull(),
    /** Where it went: an incident, a group; null while undelivered or refused. */
    target: text(),
    tries: integer().notNull(),
    reason: text(),
  },
  (table) => [
    index('deliveries_received').on(table.receivedAt),
    index('deliveries_waiting').on(table.updatedAt).where(sql`${table.status} = 'accepted'`),
  ],
);

/** What failed for good, with what is needed to try it again: the object and the key there. */
export const deadLetters = sqliteTable(
  'dead_letters',
  {
    id: text().primaryKey(),
    seq: integer().notNull(),
    /** Kind and name of the object that holds it, as in `incident` and its id. */
    objectType: text('object_type').notNull(),
    object: text().notNull(),
    key: text().notNull(),
    kind: text().notNull(),
    incident: text(),
    state: text().notNull(),
    tries: integer().notNull(),
    error: text().notNull(),
    body: text().notNull(),
    at: integer().notNull(),
  },
  (table) => [index('dead_letters_at').on(table.at)],
);

export const approvals = sqliteTable(
  'approvals',
  {
    id: text().primaryKey(),
    seq: integer().notNull(),
    incident: text().notNull(),
    attempt: integer().notNull(),
    /** `pull_request`, `host_command` or `admin_request`. */
    kind: text().notNull().default('pull_request'),
    title: text(),
    /** SHA-256 of what exactly is permitted. */
    digest: text(),
    /** Of a pull request; else null. */
    commit: text('commit_sha'),
    pullRequest: integer('pull_request'),
    url: text(),
    state: text().notNull(),
    /** Subject id of the person who decided. */
    by: text('decided_by'),
    via: text(),
    askedAt: integer('asked_at').notNull(),
    decidedAt: integer('decided_at'),
  },
  (table) => [index('approvals_state').on(table.state, table.askedAt)],
);

/** Every object's timers, so that the cron tick finds one whose alarm was lost. */
export const timers = sqliteTable(
  'timers',
  {
    objectType: text('object_type').notNull(),
    object: text().notNull(),
    name: text().notNull(),
    seq: integer().notNull(),
    /** Null: not running. */
    dueAt: integer('due_at'),
  },
  (table) => [
    primaryKey({ columns: [table.objectType, table.object, table.name] }),
    index('timers_due').on(table.dueAt),
  ],
);

/** Which object holds a subject's text. */
export const subjects = sqliteTable('subjects', {
  id: text().primaryKey(),
  objectType: text('object_type').notNull(),
  object: text().notNull(),
  at: integer().notNull(),
});

/** Restores into this instance; while one has no end, nothing else works. */
export const restores = sqliteTable('restores', {
  startedAt: integer('started_at').primaryKey(),
  /** All is back; what remains is to let the objects go. */
  filledAt: integer('filled_at'),
  endedAt: integer('ended_at'),
});

export type AuditRow = typeof audit.$inferInsert;
export type CostRow = typeof costs.$inferInsert;
export type IncidentRow = typeof incidents.$inferInsert;
export type RunRow = typeof runs.$inferInsert;
export type DeliveryRow = typeof deliveries.$inferInsert;
export type DeadLetterRow = typeof deadLetters.$inferInsert;
export type ApprovalRow = typeof approvals.$inferInsert;
export type TimerRow = typeof timers.$inferInsert;
export type ArtifactRow = typeof artifacts.$inferInsert;
export type SegmentRow = typeof auditSegments.$inferSelect;
export type SubjectRow = typeof subjects.$inferInsert;
