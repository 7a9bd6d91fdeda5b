import { journalTable } from '../shared/journal.ts';
import { outboxLanesIndex, outboxPendingIndex, outboxTable } from '../shared/outbox.ts';
import { projectionTable } from '../shared/projection.ts';

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
  /** What agents said lately, for ten minutes. */
  `CREATE TABLE said (message TEXT PRIMARY KEY, sender TEXT NOT NULL, target TEXT NOT NULL, digest TEXT NOT NULL,
   at INTEGER NOT NULL)`,
  'CREATE INDEX said_words ON said (sender, target, digest)',
  'CREATE INDEX said_at ON said (at)',
  /** How far from its beginning a conversation was when it reached an agent last. */
  `CREATE TABLE reached (conversation TEXT NOT NULL, agent TEXT NOT NULL, hops INTEGER NOT NULL, at INTEGER NOT NULL,
   PRIMARY KEY (conversation, agent))`,
  'CREATE INDEX reached_at ON reached (at)',
  outboxLanesIndex,
];
