import { journalTable } from '../shared/journal.ts';
import { outboxLanesIndex, outboxPendingIndex, outboxTable } from '../shared/outbox.ts';
import { projectionTable } from '../shared/projection.ts';

/** Append only: what is applied is never edited. */
export const runPoolMigrations: readonly string[] = [
  journalTable,
  outboxTable,
  outboxPendingIndex,
  projectionTable,
  `CREATE TABLE leases (
    run TEXT PRIMARY KEY,
    agent_group TEXT NOT NULL,
    kind TEXT NOT NULL,
    fence INTEGER NOT NULL,
    runner TEXT,
    granted_at INTEGER NOT NULL,
    renewed_at INTEGER NOT NULL,
    budget_micro_usd INTEGER NOT NULL,
    state TEXT NOT NULL
  )`,
  'CREATE INDEX leases_state ON leases (state, renewed_at)',
  `CREATE TABLE waiting (
    n INTEGER PRIMARY KEY AUTOINCREMENT,
    run TEXT NOT NULL UNIQUE,
    agent_group TEXT NOT NULL,
    kind TEXT NOT NULL,
    budget_micro_usd INTEGER NOT NULL,
    at INTEGER NOT NULL
  )`,
  'CREATE TABLE fences (n INTEGER PRIMARY KEY AUTOINCREMENT, run TEXT NOT NULL)',
  'CREATE TABLE spent (month TEXT PRIMARY KEY, micro_usd INTEGER NOT NULL)',
  `CREATE TABLE runners (
    name TEXT PRIMARY KEY,
    last_seen_at INTEGER NOT NULL,
    capacity INTEGER NOT NULL,
    running INTEGER NOT NULL,
    problems TEXT NOT NULL
  )`,
  `CREATE TABLE nonces (
    key_id TEXT NOT NULL,
    nonce TEXT NOT NULL,
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (key_id, nonce)
  )`,
  'CREATE INDEX nonces_expiry ON nonces (expires_at)',
  'CREATE TABLE stop_flag (one INTEGER PRIMARY KEY CHECK (one = 1), stopped INTEGER NOT NULL)',
  'INSERT INTO stop_flag (one, stopped) VALUES (1, 0)',
  'CREATE TABLE back_offs (agent_group TEXT PRIMARY KEY, until INTEGER NOT NULL)',
  'ALTER TABLE leases ADD COLUMN priority INTEGER NOT NULL DEFAULT 2',
  'ALTER TABLE leases ADD COLUMN for_person INTEGER NOT NULL DEFAULT 0',
  'ALTER TABLE leases ADD COLUMN spent_micro_usd INTEGER NOT NULL DEFAULT 0',
  'CREATE INDEX leases_group ON leases (agent_group, fence)',
  'ALTER TABLE waiting ADD COLUMN priority INTEGER NOT NULL DEFAULT 2',
  'ALTER TABLE waiting ADD COLUMN for_person INTEGER NOT NULL DEFAULT 0',
  'CREATE INDEX waiting_sorts ON waiting (agent_group, kind, priority, for_person, n)',
  // How many wait of each sort: the heads are found without reading all that waits.
  `CREATE TABLE waiting_sizes (
    agent_group TEXT NOT NULL,
    kind TEXT NOT NULL,
    priority INTEGER NOT NULL,
    for_person INTEGER NOT NULL,
    size INTEGER NOT NULL,
    PRIMARY KEY (agent_group, kind, priority, for_person)
  )`,
  `INSERT INTO waiting_sizes
   SELECT agent_group, kind, priority, for_person, count(*) FROM waiting GROUP BY 1, 2, 3, 4`,
  // By UTC day and month; an empty group stands for all together.
  `CREATE TABLE spending (
    period TEXT NOT NULL,
    agent_group TEXT NOT NULL,
    micro_usd INTEGER NOT NULL,
    PRIMARY KEY (period, agent_group)
  )`,
  `INSERT INTO spending SELECT month, '', micro_usd FROM spent`,
  'DROP TABLE spent',
  // What each run was known to have spent on each day: a total that is told again adds nothing.
  `CREATE TABLE run_spending (
    day TEXT NOT NULL,
    run TEXT NOT NULL,
    micro_usd INTEGER NOT NULL,
    PRIMARY KEY (day, run)
  )`,
  'CREATE TABLE drained (runner TEXT PRIMARY KEY, since INTEGER NOT NULL, by TEXT NOT NULL)',
  `CREATE TABLE budget_override (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    until INTEGER NOT NULL,
    by TEXT NOT NULL
  )`,
  outboxLanesIndex,
  // `until_at` is null while it lasts.
  'CREATE TABLE stops (from_at INTEGER NOT NULL, until_at INTEGER)',
  'INSERT INTO stops (from_at) SELECT 0 FROM stop_flag WHERE stopped = 1',
  'CREATE TABLE starts (run TEXT PRIMARY KEY, at INTEGER NOT NULL)',
  'CREATE INDEX starts_at ON starts (at)',
  'CREATE TABLE burst (one INTEGER PRIMARY KEY CHECK (one = 1), told INTEGER NOT NULL)',
  'CREATE TABLE dispatched (run TEXT PRIMARY KEY, day TEXT NOT NULL)',
  'CREATE TABLE held_back (n INTEGER PRIMARY KEY AUTOINCREMENT, run TEXT NOT NULL UNIQUE, request TEXT NOT NULL)',
  // Each dispatched task and the UTC day in which it may begin; what was held back as a run goes now.
  `CREATE TABLE dispatches (
    n INTEGER PRIMARY KEY AUTOINCREMENT,
    incident TEXT NOT NULL UNIQUE,
    agent_group TEXT NOT NULL,
    day TEXT NOT NULL,
    at INTEGER NOT NULL
  )`,
  'CREATE INDEX dispatches_day ON dispatches (day)',
  `INSERT INTO dispatches (incident, agent_group, day, at) SELECT run, '', day, 0 FROM dispatched`,
  `INSERT INTO waiting (run, agent_group, kind, budget_micro_usd, at, priority, for_person)
   SELECT run, request ->> 'group', request ->> 'kind', request ->> 'budgetMicroUsd', request ->> 'at',
     request ->> 'priority', request ->> 'forPerson' FROM held_back ORDER BY n`,
  'DELETE FROM waiting_sizes',
  `INSERT INTO waiting_sizes
   SELECT agent_group, kind, priority, for_person, count(*) FROM waiting GROUP BY 1, 2, 3, 4`,
  'DROP TABLE dispatched',
  'DROP TABLE held_back',
];
