import { journalTable } from '../shared/journal.ts';
import { outboxLanesIndex, outboxPendingIndex, outboxTable } from '../shared/outbox.ts';
import { projectionTable } from '../shared/projection.ts';
import { subjectsTable } from '../shared/subjects.ts';
import { arrivalsTable } from './inbox-arrivals.ts';

/** Append only: what is applied is never edited. */
export const inboxMigrations: readonly string[] = [
  journalTable,
  outboxTable,
  outboxPendingIndex,
  projectionTable,
  subjectsTable,
  `CREATE TABLE events (
    id TEXT PRIMARY KEY,
    source TEXT NOT NULL,
    delivery TEXT NOT NULL,
    type TEXT NOT NULL,
    received_at INTEGER NOT NULL,
    status TEXT NOT NULL,
    target TEXT,
    reason TEXT,
    payload TEXT,
    body TEXT,
    body_artifact TEXT
  )`,
  `CREATE TABLE state_seq (one INTEGER PRIMARY KEY CHECK (one = 1), seq INTEGER NOT NULL)`,
  outboxLanesIndex,
  arrivalsTable,
];
