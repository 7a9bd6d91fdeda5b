import type { Projection } from '../../workers/db/projections.ts';
import type { Delivered, InboxPayload } from '../../workers/routing/inbox-event.ts';
import { artifactRow } from '../shared/artifact-rows.ts';
import { Journal } from '../shared/journal.ts';
import { auditRowOf } from '../shared/journal-audit.ts';
import { migrate } from '../shared/migrate.ts';
import { Outbox } from '../shared/outbox.ts';
import type { Failure } from '../shared/outbox-drain.ts';
import { ProjectionQueue } from '../shared/projection.ts';
import { isDistinct, redactColumns, withoutText } from '../shared/redact.ts';
import type { Sql, SqlValue } from '../shared/sql.ts';
import { Subjects } from '../shared/subjects.ts';
import { type Arrival, Arrivals } from './inbox-arrivals.ts';
import { inboxMigrations } from './inbox-migrations.ts';
import type { InboxAnswer, InboxRpc } from './inbox-rpc.ts';

export type InboxEvent = Parameters<InboxRpc['accept']>[0];
export type InboxAction = Parameters<InboxRpc['audit']>[0];
type EventStatus = 'accepted' | 'dead' | Delivered['status'];

/** Senders that come again when told to, and that may send thousands. */
const OF_MACHINES: readonly InboxEvent['source'][] = ['azure-devops', 'github'];
/**
 * Undelivered events of one shard. At a few deliveries a second more would be told of too late, and a sender
 * that is asked to wait keeps its events as well as we would.
 */
const MAX_BACKLOG = 2_000;
/** Due since ever: a person's word goes before all that machines tell. */
const FIRST = 0;

/** Payloads that say who sent them. */
const NAMES_PEOPLE: readonly string[] = ['operator_text', 'decision'];

interface DeliveryColumns extends Record<string, string | number | null> {
  id: string;
  source: string;
  delivery: string;
  type: string;
  received_at: number;
  status: EventStatus;
  target: string | null;
  reason: string | null;
}

interface EventRow extends DeliveryColumns {
  payload: string | null;
}

export interface StoredEvent {
  id: string;
  source: string;
  type: string;
  receivedAt: number;
  status: EventStatus;
  payload: InboxPayload | null;
}

/**
 * Events from their commit until they are delivered, and the ids of all that ever came. Refused events keep
 * their body for inspection; delivered ones lose body and payload, which hold more than anyone needs.
 */
export class InboxStore {
  readonly outbox: Outbox;
  readonly projections: ProjectionQueue;
  readonly journal: Journal;
  readonly #sql: Sql;
  readonly #name: string;
  readonly #arrivals: Arrivals;
  readonly #subjects: Subjects;
  readonly #changed: () => void;

  constructor(sql: Sql, name: string, changed: () => void) {
    migrate(sql, inboxMigrations);
    this.#sql = sql;
    this.#name = name;
    this.#changed = changed;
    this.outbox = new Outbox(sql);
    this.projections = new ProjectionQueue(sql);
    this.journal = new Journal(sql, name);
    this.#subjects = new Subjects(sql);
    this.#arrivals = new Arrivals(sql);
  }

  /** When the oldest event came that is committed and not taken on; null: there is none. */
  get arrivedSince(): number | null {
    return this.#arrivals.waiting?.since ?? null;
  }

  /**
   * Commits an event once. `isBusy`: no delivery more can be begun now; then what machines send is taken on when
   * one ends, together with what else has come by then.
   */
  accept(event: InboxEvent, isBusy = false): InboxAnswer {
    if (this.#isKnown(event.id)) return 'duplicate';
    const isOfMachine = OF_MACHINES.includes(event.source);
    const arrived = this.#arrivals.waiting?.count ?? 0;
    if (isOfMachine && (arrived > MAX_BACKLOG || this.outbox.hasMoreThan(MAX_BACKLOG - arrived)))
      return 'busy';
    const status = event.payload === null ? 'refused' : 'accepted';
    if (isBusy && isOfMachine && status === 'accepted' && event.bodyArtifact === null) this.#keep(event);
    else this.#transaction(() => this.#takeOnAtOnce(event, status, isOfMachine));
    return status;
  }

  /** Takes on what has arrived, a bounded number; what is left is told by `arrivedSince`. */
  takeOn(): void {
    if (this.arrivedSince !== null) this.#transaction(() => this.#takeOnArrivals());
  }

  /** `tries`: how many it took. */
  delivered(id: string, { status, target, reason }: Delivered, tries: number, at: number): void {
    this.#transaction(() => {
      this.outbox.done(id);
      const row = this.#change(
        id,
        `status = ?, target = ?, reason = ? ${status === 'refused' ? '' : ', payload = NULL, body = NULL'}`,
        status,
        target,
        reason,
      );
      this.projections.add(
        this.#note(at, `event_${status}`, 'dogwatch', { id, target, reason }),
        ...(row ? [this.#deliveryRow(row, tries, at)] : []),
      );
      this.#takeOnArrivals();
    });
  }

  /** Says whether this was the last try. */
  failed(id: string, failure: Failure): 'retry' | 'dead' {
    return this.#transaction(() => {
      const after = this.outbox.fail(id, failure);
      if (after.kind === 'dead') {
        this.#change(id, `status = 'dead', reason = ?`, failure.error);
        this.projections.add(
          this.#note(failure.nowMs, 'event_dead', 'dogwatch', { id, error: failure.error }),
        );
        this.#projectDeadLetter(id, 'dead', failure.nowMs);
      }
      this.#project(id, failure.nowMs);
      this.#takeOnArrivals();
      return after.kind;
    });
  }

  retry(id: string, at: number): boolean {
    return this.#transaction(() => {
      if (!this.outbox.revive(id, at)) return false;
      this.#change(id, `status = 'accepted', reason = NULL`);
      this.projections.add(this.#note(at, 'event_replayed', 'operator', { id }));
      this.#projectDeadLetter(id, 'replayed', at);
      this.#project(id, at);
      return true;
    });
  }

  audit({ at, actor, action, data, subjects }: InboxAction): void {
    this.#transaction(() => {
      for (const [id, { text, salt }] of Object.entries(subjects)) {
        this.#subjects.put(id, text, salt);
        this.projections.add({
          table: 'subjects',
          row: { id, objectType: 'inbox', object: this.#name, at },
        });
      }
      this.projections.add(this.#note(at, action, actor, data));
    });
  }

  /** Takes a person's text away; that it was done is journalled. Undefined: there is no such text. */
  deleteSubject(subject: string, by: string, at: number): string | undefined {
    return this.#transaction(() => {
      const text = this.#subjects.delete(subject);
      if (text !== undefined) this.projections.add(this.#note(at, 'subject_deleted', by, { subject }));
      return text;
    });
  }

  subjectText(subject: string): string | null {
    return this.#subjects.text(subject) ?? null;
  }

  /** Takes a text out of events that were not delivered, and of what was refused. */
  redact(text: string): void {
    if (!isDistinct(text)) return;
    this.#transaction(() => {
      redactColumns(this.#sql, 'events', ['body'], text);
      this.#redactWords(text);
      this.#subjects.redact(text);
    });
  }

  get(id: string): StoredEvent | null {
    const row = this.#row(id);
    if (!row) return null;
    return {
      id: row.id,
      source: row.source,
      type: row.type,
      receivedAt: row.received_at,
      status: row.status,
      payload: row.payload === null ? null : (JSON.parse(row.payload) as InboxPayload),
    };
  }

  /** Only what people say in a payload: of the rest it is decided what becomes of the event. */
  #redactWords(text: string): void {
    const rows = this.#sql.all<{ id: string; payload: string }>(
      'SELECT id, payload FROM events WHERE payload IS NOT NULL',
    );
    for (const { id, payload } of rows) {
      const words: { text?: unknown } = JSON.parse(payload);
      if (typeof words.text !== 'string') continue;
      const left = JSON.stringify({ ...words, text: withoutText(words.text, text) });
      if (left !== payload) this.#sql.run('UPDATE events SET payload = ? WHERE id = ?', left, id);
    }
  }

  #keep(event: InboxEvent): void {
    const isFirst = this.#arrivals.waiting === null;
    this.#rollingBack(() => {
      this.#insert(event, 'accepted');
      this.#arrivals.add();
      // The alarm that the first one sets will do for all.
      if (isFirst) this.#changed();
    });
  }

  #takeOnAtOnce(event: InboxEvent, status: 'accepted' | 'refused', isOfMachine: boolean): void {
    this.#insert(event, status);
    const { id, source, delivery, type, receivedAt, refusedBecause: reason, bodyArtifact } = event;
    const row = { id, source, delivery, type, received_at: receivedAt, status, target: null, reason };
    this.projections.add(
      ...this.#begin(row, isOfMachine ? receivedAt : FIRST, bodyArtifact?.sha256 ?? null),
      ...(bodyArtifact === null
        ? []
        : [artifactRow(bodyArtifact, 'body', { producedBy: id, incident: null, run: null, at: receivedAt })]),
    );
  }

  #takeOnArrivals(): void {
    const rows = this.#arrivals.take().flatMap(({ n: _, ...arrival }: Arrival) => {
      const row = { ...arrival, status: 'accepted', target: null, reason: null } as const;
      return this.#begin(row, row.received_at, null);
    });
    this.projections.add(...rows);
  }

  #insert(event: InboxEvent, status: 'accepted' | 'refused'): void {
    this.#sql.run(
      `INSERT INTO events (id, source, delivery, type, received_at, status, reason, payload, body, body_artifact)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      event.id,
      event.source,
      event.delivery,
      event.type,
      event.receivedAt,
      status,
      event.refusedBecause,
      event.payload === null ? null : JSON.stringify(event.payload),
      event.body,
      event.bodyArtifact?.sha256 ?? null,
    );
  }

  /** Its line in the journal and, where it was accepted, its delivery; answers the rows for D1. */
  #begin(row: DeliveryColumns, dueAt: number, bodyArtifact: string | null): Projection[] {
    const { id, source, delivery, type, status, reason, received_at: at } = row;
    if (status === 'accepted') this.outbox.add({ key: id, kind: 'deliver', lane: null, body: id }, dueAt);
    return [
      this.#note(at, `event_${status}`, source, { id, delivery, type, reason, bodyArtifact }),
      this.#deliveryRow(row, 0, at),
    ];
  }

  #row(id: string): EventRow | undefined {
    return this.#sql.all<EventRow>('SELECT * FROM events WHERE id = ?', id)[0];
  }

  #isKnown(id: string): boolean {
    return this.#sql.all('SELECT 1 FROM events WHERE id = ?', id).length > 0;
  }

  /** `what` is the SET clause; answers the row without its payload and body. */
  #change(id: string, what: string, ...bindings: SqlValue[]): DeliveryColumns | undefined {
    return this.#sql.all<DeliveryColumns>(
      `UPDATE events SET ${what} WHERE id = ?
       RETURNING id, source, delivery, type, received_at, status, target, reason`,
      ...bindings,
      id,
    )[0];
  }

  /** Writes a line; what it answers is for D1. */
  #note(at: number, type: string, by: string, data: Record<string, unknown>): Projection {
    return auditRowOf(this.journal.append({ at, type, v: 1, data: { by, ...data } }), this.journal.chain);
  }

  #project(id: string, at: number): void {
    const row = this.#row(id);
    if (row) this.projections.add(this.#deliveryRow(row, this.outbox.get(id)?.tries ?? 0, at));
  }

  #deliveryRow(row: DeliveryColumns, tries: number, at: number): Projection {
    const { id, source, delivery, type, status, target, reason, received_at: receivedAt } = row;
    return {
      table: 'deliveries',
      row: {
        id,
        seq: this.#nextStateSeq(),
        source,
        delivery,
        type,
        status,
        receivedAt,
        updatedAt: at,
        target,
        tries,
        reason,
      },
    };
  }

  #projectDeadLetter(id: string, state: 'dead' | 'replayed', at: number): void {
    const item = this.outbox.get(id);
    const row = this.#row(id);
    this.projections.add({
      table: 'dead_letters',
      row: {
        id: `inbox:${id}`,
        seq: this.#nextStateSeq(),
        objectType: 'inbox',
        object: this.#name,
        key: id,
        kind: `${row?.source ?? ''} ${row?.type ?? ''}`.trim(),
        incident: null,
        state,
        tries: item?.tries ?? 0,
        error: item?.error ?? '',
        // A person's words and name stay here: D1 is no place for them.
        body: NAMES_PEOPLE.includes(this.get(id)?.payload?.kind ?? '') ? '' : (row?.payload ?? ''),
        at,
      },
    });
  }

  /** State rows in D1 go forward by this; a retried delivery changes them without a line in the journal. */
  #nextStateSeq(): number {
    const [next] = this.#sql.all<{ seq: number }>(
      'INSERT INTO state_seq (one, seq) VALUES (1, 1) ON CONFLICT (one) DO UPDATE SET seq = seq + 1 RETURNING seq',
    );
    return next?.seq ?? 1;
  }

  #transaction<T>(work: () => T): T {
    return this.#rollingBack(() => {
      const result = work();
      this.#changed();
      return result;
    });
  }

  #rollingBack<T>(work: () => T): T {
    try {
      return this.journal.transaction(work);
    } catch (error) {
      this.#arrivals.forget();
      throw error;
    }
  }
}
