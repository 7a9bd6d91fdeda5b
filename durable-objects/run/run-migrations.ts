import { journalTable } from '../shared/journal.ts';
import { outboxLanesIndex, outboxPendingIndex, outboxTable } from '../shared/outbox.ts';
import { projectionTable } from '../shared/projection.ts';
import { runDispatchesTable } from './run-dispatches.ts';
import { runMessagesTable } from './run-messages.ts';

/** Append only: what is applied is never edited. */
export const runMigrations: readonly string[] = [
  journalTable,
  outboxTable,
  outboxPendingIndex,
  projectionTable,
  'CREATE TABLE run (one INTEGER PRIMARY KEY CHECK (one = 1), record TEXT NOT NULL)',
  'CREATE TABLE streams (fence INTEGER PRIMARY KEY, acknowledged INTEGER NOT NULL)',
  `CREATE TABLE events (
    n INTEGER PRIMARY KEY AUTOINCREMENT,
    fence INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    at INTEGER NOT NULL,
    type TEXT NOT NULL,
    data TEXT NOT NULL,
    UNIQUE (fence, seq)
  )`,
  'CREATE TABLE usage (request_id TEXT PRIMARY KEY, micro_usd INTEGER NOT NULL)',
  'CREATE TABLE intents (id TEXT PRIMARY KEY, body TEXT NOT NULL)',
  runMessagesTable,
  outboxLanesIndex,
  runDispatchesTable,
];
