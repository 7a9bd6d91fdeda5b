import { derivedId } from '../../core/contracts/ids.ts';
import type { LoopEvent } from '../../core/loops/index.ts';
import type { Provenance } from '../shared/artifact-rows.ts';
import { Journal, sha256Bytes } from '../shared/journal.ts';
import { auditRowOf } from '../shared/journal-audit.ts';
import { migrate } from '../shared/migrate.ts';
import { Outbox, type OutboxItem } from '../shared/outbox.ts';
import { ProjectionQueue } from '../shared/projection.ts';
import type { Sql } from '../shared/sql.ts';
import { RunDispatches } from './run-dispatches.ts';
import { RunLedger } from './run-ledger.ts';
import { RunMessages } from './run-messages.ts';
import { runMigrations } from './run-migrations.ts';
import { parseRecord, type RunRecord } from './run-record.ts';
import { runRow } from './run-rows.ts';

/** All that is kept of one run. Whatever changes it runs inside `change`: one transaction, and D1 follows. */
export class RunBook {
  readonly outbox: Outbox;
  readonly projections: ProjectionQueue;
  readonly ledger: RunLedger;
  readonly messages: RunMessages;
  readonly dispatches: RunDispatches;
  readonly #sql: Sql;
  readonly #changed: () => void;
  #journal: Journal | null = null;
  #record: RunRecord | null = null;

  constructor(sql: Sql, changed: () => void) {
    migrate(sql, runMigrations);
    this.#sql = sql;
    this.#changed = changed;
    this.outbox = new Outbox(sql);
    this.projections = new ProjectionQueue(sql);
    this.ledger = new RunLedger(sql);
    this.messages = new RunMessages(sql);
    this.dispatches = new RunDispatches(sql);
  }

  get record(): RunRecord | null {
    if (this.#record === null) {
      const row = this.#sql.all<{ record: string }>('SELECT record FROM run')[0];
      if (row) this.#record = parseRecord(row.record);
    }
    return this.#record;
  }

  /** The run's row in D1 and its deadline follow when they differ. */
  change(work: () => void): void {
    const before = this.record === null ? null : JSON.stringify(runRow(this.record));
    const deadlineBefore = deadlineOf(this.record);
    try {
      this.#sql.transaction(() => {
        work();
        this.#project(before);
        this.#projectDeadline(deadlineBefore);
        this.#changed();
      });
    } catch (error) {
      this.#record = null;
      this.#journal = null;
      throw error;
    }
  }

  write(record: RunRecord): void {
    this.#record = record;
    this.#sql.run('INSERT OR REPLACE INTO run (one, record) VALUES (1, ?)', JSON.stringify(record));
  }

  update(change: Partial<RunRecord>): void {
    if (this.record) this.write(Object.assign(this.record, change));
  }

  audit(type: string, data: Record<string, unknown>, at: number): void {
    const { run = '', incident = null } = this.record?.spec ?? {};
    this.#journal ??= new Journal(this.#sql, run);
    const line = this.#journal.append({ at, type, v: 1, data: { ...data, incident } });
    this.projections.add(auditRowOf(line, run));
  }

  /** The operator hears it once per run and rule. */
  alert(rule: string, text: string, at: number): void {
    const key = `alert:${rule}`;
    if (this.outbox.get(key)) return;
    this.audit('alert', { by: this.record?.spec.group, rule, text }, at);
    this.outbox.add({ key, kind: 'alert', lane: null, body: JSON.stringify({ rule, text }) }, at);
  }

  /** Tells the incident, in order; of a rerun it hears nothing, so that nothing comes of it. */
  tell(name: string, event: LoopEvent, nowMs: number): void {
    if (this.record?.rerun) return;
    const run = this.record?.spec.run ?? '';
    const id = derivedId('evt', sha256Bytes(`${run}/${name}`));
    const body = JSON.stringify({ id, event });
    this.outbox.add({ key: `incident:${name}`, kind: 'incident', lane: 'incident', body }, nowMs);
  }

  deadLetter(
    { key, kind, tries, body }: Pick<OutboxItem, 'key' | 'kind' | 'tries' | 'body'>,
    error: string,
    state: 'dead' | 'replayed',
    at: number,
  ): void {
    const { run = '', incident = null } = this.record?.spec ?? {};
    this.projections.add({
      table: 'dead_letters',
      row: {
        id: `${run}:${key}`,
        seq: at,
        objectType: 'run',
        object: run,
        key,
        kind,
        incident,
        state,
        tries,
        error,
        body,
        at,
      },
    });
  }

  provenance(at: number): Provenance {
    const { run = '', incident = null } = this.record?.spec ?? {};
    return { producedBy: run, incident, run, at };
  }

  #project(before: string | null): void {
    if (this.record === null || JSON.stringify(runRow(this.record)) === before) return;
    this.update({ version: this.record.version + 1 });
    this.projections.add({ table: 'runs', row: runRow(this.record) });
  }

  #projectDeadline(before: number | null): void {
    const dueAt = deadlineOf(this.record);
    if (this.record === null || dueAt === before) return;
    const { spec, version: seq } = this.record;
    this.projections.add({
      table: 'timers',
      row: { objectType: 'run', object: spec.run, name: 'deadline', seq, dueAt },
    });
  }
}

const deadlineOf = (record: RunRecord | null): number | null =>
  record === null || record.status === 'ended' ? null : record.deadlineAt;
