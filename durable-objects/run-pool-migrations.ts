import { journalTable } from './journal.ts';
import { outboxPendingIndex, outboxTable } from './outbox.ts';
import { projectionTable } from './projection.ts';

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
];
