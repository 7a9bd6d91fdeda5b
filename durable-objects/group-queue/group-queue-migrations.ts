import { outboxLanesIndex, outboxPendingIndex, outboxTable } from '../shared/outbox.ts';
import { projectionTable } from '../shared/projection.ts';

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
  'ALTER TABLE messages ADD COLUMN queued_at INTEGER NOT NULL DEFAULT 0',
  'ALTER TABLE messages ADD COLUMN priority INTEGER NOT NULL DEFAULT 2',
  // Where a person waits for an answer, as JSON; null: an incident asked, which hears of its turn.
  'ALTER TABLE messages ADD COLUMN reply TEXT',
  'ALTER TABLE messages ADD COLUMN attachment TEXT',
  // How often its turn was asked for: a parked message that is replayed begins a new round.
  'ALTER TABLE messages ADD COLUMN round INTEGER NOT NULL DEFAULT 1',
  'ALTER TABLE messages ADD COLUMN granted_at INTEGER',
  'ALTER TABLE messages ADD COLUMN looked_at INTEGER',
  'ALTER TABLE messages ADD COLUMN run TEXT',
  // The turn whose run this message goes to, and when that run's model was given it.
  'ALTER TABLE messages ADD COLUMN steers TEXT',
  'ALTER TABLE messages ADD COLUMN seen_at INTEGER',
  'ALTER TABLE messages ADD COLUMN canceled_by TEXT',
  'ALTER TABLE messages ADD COLUMN reason TEXT',
  'CREATE INDEX messages_thread ON messages (thread, ended_at)',
  'CREATE INDEX messages_steers ON messages (steers)',
  'CREATE TABLE look (one INTEGER PRIMARY KEY CHECK (one = 1), seq INTEGER NOT NULL, due_at INTEGER)',
  'CREATE TABLE commands (id TEXT PRIMARY KEY, answer TEXT NOT NULL)',
  outboxLanesIndex,
  // What came of a task that a session of the group dispatched: who did, and which task, as JSON.
  'ALTER TABLE messages ADD COLUMN answers TEXT',
  'CREATE INDEX messages_incident ON messages (incident)',
];
