import { journalTable } from '../shared/journal.ts';
import { outboxLanesIndex, outboxPendingIndex, outboxTable } from '../shared/outbox.ts';
import { projectionTable } from '../shared/projection.ts';
import { subjectsTable } from '../shared/subjects.ts';

/** Append only: what is applied is never edited. */
export const incidentMigrations: readonly string[] = [
  journalTable,
  outboxTable,
  outboxPendingIndex,
  projectionTable,
  subjectsTable,
  `CREATE TABLE incident (one INTEGER PRIMARY KEY CHECK (one = 1), id TEXT NOT NULL, key TEXT NOT NULL)`,
  `CREATE TABLE seen_events (id TEXT PRIMARY KEY, seq INTEGER NOT NULL)`,
  `CREATE TABLE snapshot (one INTEGER PRIMARY KEY CHECK (one = 1), seq INTEGER NOT NULL, state TEXT NOT NULL)`,
  'ALTER TABLE snapshot ADD COLUMN v INTEGER NOT NULL DEFAULT 0',
  outboxLanesIndex,
];
