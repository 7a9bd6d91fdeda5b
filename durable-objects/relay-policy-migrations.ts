import { journalTable } from './journal.ts';
import { outboxPendingIndex, outboxTable } from './outbox.ts';
import { projectionTable } from './projection.ts';

/** Append only: what is applied is never edited. */
export const relayPolicyMigrations: readonly string[] = [
  journalTable,
  outboxTable,
  outboxPendingIndex,
  projectionTable,
  `CREATE TABLE routes (sender TEXT NOT NULL, target TEXT NOT NULL, since INTEGER NOT NULL, by TEXT NOT NULL,
   PRIMARY KEY (sender, target))`,
  `INSERT INTO routes (sender, target, since, by) VALUES
   ('ryan', 'cody', 0, 'default'), ('cody', 'ryan', 0, 'default'), ('sam', 'cody', 0, 'default'),
   ('sam', 'ryan', 0, 'default'), ('ryan', 'sam', 0, 'default')`,
];
