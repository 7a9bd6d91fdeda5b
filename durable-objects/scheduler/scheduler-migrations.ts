import { journalTable } from '../shared/journal.ts';
import { outboxLanesIndex, outboxPendingIndex, outboxTable } from '../shared/outbox.ts';
import { projectionTable } from '../shared/projection.ts';

/** Append only: what is applied is never edited. */
export const schedulerMigrations: readonly string[] = [
  journalTable,
  outboxTable,
  outboxPendingIndex,
  projectionTable,
  `CREATE TABLE schedules (
    id TEXT PRIMARY KEY,
    source TEXT NOT NULL,
    definition TEXT NOT NULL,
    active INTEGER NOT NULL DEFAULT 1,
    paused INTEGER NOT NULL DEFAULT 0,
    problem TEXT,
    decided_until INTEGER NOT NULL,
    wake_at INTEGER,
    salt TEXT,
    token_hash TEXT
  )`,
  `CREATE TABLE firings (
    n INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    schedule TEXT NOT NULL,
    agent_group TEXT,
    task TEXT NOT NULL,
    cause TEXT NOT NULL,
    due_at INTEGER,
    at INTEGER NOT NULL,
    text TEXT,
    text_hash TEXT,
    status TEXT NOT NULL,
    part INTEGER NOT NULL DEFAULT 1,
    give_up_at INTEGER,
    target TEXT,
    note TEXT,
    ended_at INTEGER
  )`,
  'CREATE INDEX firings_schedule ON firings (schedule, n)',
  'CREATE INDEX firings_target ON firings (target)',
  'CREATE INDEX firings_status ON firings (status, schedule)',
  'CREATE TABLE kept (name TEXT PRIMARY KEY, value TEXT NOT NULL)',
  outboxLanesIndex,
];
