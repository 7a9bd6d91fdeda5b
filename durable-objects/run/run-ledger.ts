import type { Artifact } from '../../core/contracts/artifact.ts';
import type { Intent } from '../../core/contracts/intents.ts';
import type { RunnerEvent } from '../../core/contracts/run.ts';
import { redactJsonColumn } from '../shared/redact.ts';
import type { Sql } from '../shared/sql.ts';

export interface LedgerEntry {
  fence: number;
  seq: number;
  at: number;
  type: string;
  data: unknown;
}

/** What a run's runner told, in order and without gaps; its intents; which model calls were counted. */
export class RunLedger {
  readonly #sql: Sql;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  /** Highest sequence kept of the stream of this lease. */
  acknowledged(fence: number): number {
    return (
      this.#sql.all<{ acknowledged: number }>('SELECT acknowledged FROM streams WHERE fence = ?', fence)[0]
        ?.acknowledged ?? 0
    );
  }

  /** True when it is the next of its stream, and now kept. */
  keep(event: RunnerEvent): boolean {
    if (event.seq !== this.acknowledged(event.fence) + 1) return false;
    this.add(event);
    this.#sql.run(
      'INSERT OR REPLACE INTO streams (fence, acknowledged) VALUES (?, ?)',
      event.fence,
      event.seq,
    );
    return true;
  }

  add({ fence, seq, at, type, data }: LedgerEntry): void {
    this.#sql.run(
      `INSERT INTO events (fence, seq, at, type, data) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
      fence,
      seq,
      at,
      type,
      JSON.stringify(data),
    );
  }

  events(): LedgerEntry[] {
    return this.#sql
      .all<{ fence: number; seq: number; at: number; type: string; data: string }>(
        'SELECT fence, seq, at, type, data FROM events ORDER BY n',
      )
      .map((row) => ({ ...row, data: JSON.parse(row.data) as unknown }));
  }

  redact(text: string): void {
    redactJsonColumn(this.#sql, 'events', 'data', text);
  }

  /** Of each session that was recorded whole. */
  transcripts(): string[] {
    return this.events().flatMap(({ type, data }) => {
      const { transcript = null } = type === 'ended' ? (data as { transcript?: Artifact | null }) : {};
      return transcript === null ? [] : [transcript.sha256];
    });
  }

  addIntent(intent: Intent): void {
    this.#sql.run(
      'INSERT INTO intents (id, body) VALUES (?, ?) ON CONFLICT DO NOTHING',
      intent.id,
      JSON.stringify(intent),
    );
  }

  intents(): Intent[] {
    return this.#sql
      .all<{ body: string }>('SELECT body FROM intents ORDER BY rowid')
      .map(({ body }) => JSON.parse(body) as Intent);
  }

  /** False when this model call was counted before. */
  count(requestId: string, microUsd: number): boolean {
    const added = this.#sql.all(
      'INSERT INTO usage (request_id, micro_usd) VALUES (?, ?) ON CONFLICT DO NOTHING RETURNING 1 AS one',
      requestId,
      microUsd,
    );
    return added.length > 0;
  }
}
