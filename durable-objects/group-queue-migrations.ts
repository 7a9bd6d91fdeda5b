import { outboxPendingIndex, outboxTable } from './outbox.ts';
import { projectionTable } from './projection.ts';

/** Append only: what is applied is never edited. */
export const groupQueueMigrations: readonly string[] = [
  outboxTable,
  outboxPendingIndex,
  projectionTable,
  `CREATE TABLE messages (
    n INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    thread TEXT NOT NULL,
    sender TEXT NOT NULL,
    text TEXT NOT NULL,
    turn INTEGER NOT NULL,
    incident TEXT,
    at INTEGER NOT NULL,
    state TEXT NOT NULL,
    ended_at INTEGER
  )`,
  'CREATE INDEX messages_state ON messages (state, n)',
];
