import { journalTable } from '../shared/journal.ts';
import { projectionTable } from '../shared/projection.ts';

/** Append only: what is applied is never edited. */
export const telegramMigrations: readonly string[] = [
  journalTable,
  projectionTable,
  `CREATE TABLE posts (
    n INTEGER PRIMARY KEY AUTOINCREMENT,
    key TEXT NOT NULL,
    part INTEGER NOT NULL,
    kind TEXT NOT NULL,
    lane TEXT NOT NULL,
    chat TEXT NOT NULL,
    thread INTEGER,
    html TEXT NOT NULL,
    buttons TEXT NOT NULL,
    target TEXT,
    state TEXT NOT NULL DEFAULT 'pending',
    tries INTEGER NOT NULL DEFAULT 0,
    next_at INTEGER NOT NULL,
    error TEXT,
    doubtful INTEGER NOT NULL DEFAULT 0,
    message_id INTEGER,
    UNIQUE (key, part)
  )`,
  `CREATE INDEX posts_waiting ON posts (state, lane, n)`,
  `CREATE TABLE sends (at INTEGER NOT NULL, chat TEXT NOT NULL)`,
  `CREATE TABLE state_seq (one INTEGER PRIMARY KEY CHECK (one = 1), seq INTEGER NOT NULL)`,
  'CREATE INDEX posts_message ON posts (message_id, chat) WHERE message_id IS NOT NULL',
];
