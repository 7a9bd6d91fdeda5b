import { derivedId } from '../../core/contracts/ids.ts';
import { canonicalJson } from '../../core/journal/canonical-json.ts';
import type { Effect } from '../../core/loops/effects.ts';
import {
  type DecideContext,
  type Decision,
  effectKey,
  type Loop,
  type Timer,
} from '../../core/loops/loop.ts';
import type { Projection } from '../../workers/db/projections.ts';
import { Journal, type JournalLine, sha256Bytes, sha256Hex } from '../shared/journal.ts';
import { foldEntries } from '../shared/journal-fold.ts';
import { type Redecision, redecide } from '../shared/journal-redecide.ts';
import { type Upcaster, versionOf } from '../shared/journal-upcast.ts';
import { migrate } from '../shared/migrate.ts';
import { Outbox } from '../shared/outbox.ts';
import type { Failure } from '../shared/outbox-drain.ts';
import { ProjectionQueue } from '../shared/projection.ts';
import type { Sql } from '../shared/sql.ts';
import { Subjects } from '../shared/subjects.ts';
import { incidentMigrations } from './incident-migrations.ts';

/** Rebuilding from here on costs a few milliseconds at most. */
const SNAPSHOT_EVERY = 200;

/** Effects that a human reads in order. */
const IN_ORDER: readonly string[] = [
  'notify_operator',
  'settle_operator_message',
  'post_message',
  'relay',
  'answer_chat',
];

interface Fact {
  type: string;
  data: unknown;
}

/** What a loop shows of itself in D1, besides its journal. */
export type RowsOf<State> = (change: {
  incident: string;
  key: string;
  loop: string;
  seq: number;
  at: number;
  before: State;
  after: State;
  status: string;
  episode: number;
}) => Projection[];

export interface StoreDeps<State> {
  now(): number;
  rowsOf: RowsOf<State>;
  /** Of the loop's facts. */
  upcasters: readonly Upcaster[];
  /** Of the state's shape; snapshots of another one are not read. */
  stateVersion: number;
  auditOf(line: JournalLine, chain: string, state: State): Projection;
  /** Runs inside the transaction that changed something: the alarm belongs to it. */
  changed(): void;
}

export interface Received<Event> {
  id: string;
  key: string | null;
  event: Event;
  subjects: Record<string, { text: string; salt: string }>;
}

/**
 * One incident: its journal, its state (a fold of the journal, kept in memory), and its outbox. All that
 * follows from an event is written in one transaction.
 */
export class IncidentStore<State, Event extends { type: string }, F extends Fact> {
  readonly outbox: Outbox;
  readonly projections: ProjectionQueue;
  readonly subjects: Subjects;
  readonly journal: Journal;
  readonly incident: string;
  readonly #sql: Sql;
  readonly #loop: Loop<State, Event, F>;
  readonly #deps: StoreDeps<State>;
  #state: State | null = null;

  constructor(sql: Sql, incident: string | null, loop: Loop<State, Event, F>, deps: StoreDeps<State>) {
    migrate(sql, incidentMigrations);
    this.#sql = sql;
    this.#loop = loop;
    this.#deps = deps;
    this.outbox = new Outbox(sql);
    this.projections = new ProjectionQueue(sql);
    this.subjects = new Subjects(sql);
    this.incident = incident ?? this.#identity()?.id ?? '';
    this.journal = new Journal(sql, this.incident);
  }

  get state(): State {
    this.#state ??= this.#load();
    return this.#state;
  }

  get key(): string {
    return this.#identity()?.key ?? '';
  }

  get exists(): boolean {
    return this.journal.head().seq > 0;
  }

  /** Applies an event once. `settles` is the effect whose outcome it is: done in the same transaction. */
  receive(received: Received<Event>, settles: string | null = null): 'applied' | 'duplicate' | 'unknown' {
    if (this.#isSeen(received.id)) {
      if (settles !== null) this.#transaction(() => this.outbox.done(settles));
      return 'duplicate';
    }
    if (!this.exists && received.key === null) return 'unknown';
    const nowMs = this.#deps.now();
    const decision = this.#loop.decide(this.state, received.event, this.#context(nowMs));
    if (!this.exists && decision.effects.length === 0) return 'unknown';
    this.#transaction(() => {
      if (settles !== null) this.outbox.done(settles);
      this.#record(received, decision, nowMs);
    });
    return 'applied';
  }

  /** An effect is done and nothing comes back from it. */
  settle(key: string): void {
    this.#transaction(() => this.outbox.done(key));
  }

  /** A try of an effect failed. When it dies of it the loop hears `event`, and the dead letter is visible. */
  fail(key: string, failure: Failure, event: Event): void {
    const decision = this.#loop.decide(this.state, event, this.#context(failure.nowMs));
    const id = this.eventId(`failed:${key}:${this.journal.head().seq}`);
    this.#transaction(() => {
      if (this.outbox.fail(key, failure).kind === 'retry') return;
      this.#record({ id, key: null, event, subjects: {} }, decision, failure.nowMs);
      this.projections.add(this.deadLetterRow(key, 'dead', failure.nowMs));
    });
  }

  decide(event: Event, nowMs: number): { facts: F[]; effects: Effect[] } {
    const decision = this.#loop.decide(this.state, event, this.#context(nowMs));
    const after = decision.facts.reduce((state, fact) => this.#loop.evolve(state, fact, nowMs), this.state);
    const first = this.journal.head().seq + 1 + decision.facts.length + 1;
    const episode = this.#loop.episode(after);
    return {
      facts: decision.facts,
      effects: decision.effects.map((effect, index) => ({
        ...effect,
        key: effectKey(episode, first + index, effect.kind),
      })),
    };
  }

  /** Timers that have not fired. */
  timers(): Timer[] {
    if (!this.exists) return [];
    return this.#loop.timers(this.state).filter((timer) => !this.#isSeen(this.timerEventId(timer)));
  }

  isAgentTimer = ({ name }: Timer): boolean => this.#loop.agentTimers?.includes(name) ?? false;

  /** Every due time is a recorded fact: when it was recorded. */
  timerSetAt({ dueAt }: Timer): number {
    const recorded = `"dueAt":${dueAt}`;
    return this.journal.lines().find(({ data }) => data.includes(recorded))?.at ?? dueAt;
  }

  timerEventId = ({ name, dueAt }: Timer): string => this.eventId(`timer:${name}:${dueAt}`);

  eventId(name: string): string {
    return derivedId('evt', sha256Bytes(`${this.incident}/${name}`));
  }

  status = (): string => this.#loop.status(this.state);
  episode = (): number => this.#loop.episode(this.state);

  /** Folds the whole journal anew and compares with the living state, byte for byte. */
  replay(): { identical: boolean; entries: number; sha256: string } {
    const lines = this.journal.lines();
    const replayed = canonicalJson(this.#fold(this.#loop.initial(this.incident), lines));
    const identical = replayed === canonicalJson(this.state) && this.journal.findFault() === null;
    return { identical, entries: lines.length, sha256: sha256Hex(replayed) };
  }

  /** Where today's code would decide otherwise than it was decided; writes nothing. */
  redecide(): Redecision {
    const entries = this.journal
      .lines()
      .map(({ data, ...line }) => ({ ...line, data: JSON.parse(data) as unknown }));
    const initial = this.#loop.initial(this.incident);
    return redecide(this.#loop, initial, entries, this.#deps.upcasters, (atMs) => this.#context(atMs));
  }

  /** Puts a dead effect back; false when there is no such one. */
  retry(key: string, by: string): boolean {
    const item = this.outbox.get(key);
    if (item?.state !== 'dead') return false;
    const at = this.#deps.now();
    this.#transaction(() => {
      this.outbox.revive(key, at);
      this.#append({ at, type: 'effect_retried', v: 1, data: { key, kind: item.kind, by } });
      this.projections.add(this.deadLetterRow(key, 'replayed', at));
    });
    return true;
  }

  /** Takes a person's text away; that it was done is journalled. Undefined: there is no such text. */
  deleteSubject(subject: string, by: string): string | undefined {
    let text: string | undefined;
    this.#transaction(() => {
      text = this.subjects.delete(subject);
      if (text === undefined) return;
      this.#append({ at: this.#deps.now(), type: 'subject_deleted', v: 1, data: { subject, by } });
    });
    return text;
  }

  deadLetterRow(key: string, state: 'dead' | 'replayed', at: number): Projection {
    const item = this.outbox.get(key);
    return {
      table: 'dead_letters',
      row: {
        id: `${this.incident}:${key}`,
        seq: this.journal.head().seq * 2 + (state === 'replayed' ? 1 : 0),
        objectType: 'incident',
        object: this.incident,
        key,
        kind: item?.kind ?? '',
        incident: this.incident,
        state,
        tries: item?.tries ?? 0,
        error: item?.error ?? '',
        body: item?.body ?? '',
        at,
      },
    };
  }

  #record(received: Received<Event>, decision: Decision<F>, at: number): void {
    this.#sql.run(
      'INSERT INTO incident (one, id, key) VALUES (1, ?, ?) ON CONFLICT DO NOTHING',
      this.incident,
      received.key ?? this.key,
    );
    const before = this.state;
    const { seq } = this.#append({
      at,
      type: 'received',
      v: 1,
      data: { id: received.id, event: received.event },
    });
    this.#sql.run('INSERT INTO seen_events (id, seq) VALUES (?, ?)', received.id, seq);
    for (const [id, { text, salt }] of Object.entries(received.subjects)) {
      this.subjects.put(id, text, salt);
      this.projections.add({
        table: 'subjects',
        row: { id, objectType: 'incident', object: this.incident, at },
      });
    }
    let state = before;
    for (const fact of decision.facts) {
      const v = versionOf(fact.type, this.#deps.upcasters);
      this.#append({ at, type: fact.type, v, data: fact.data });
      state = this.#loop.evolve(state, fact, at);
    }
    const episode = this.#loop.episode(state);
    for (const effect of decision.effects) this.#request(effect, episode, at);
    this.#projectState(before, state, at);
    this.#snapshot(state, seq);
    this.#state = state;
  }

  #request(body: Decision<F>['effects'][number], episode: number, at: number): void {
    const key = effectKey(episode, this.journal.head().seq + 1, body.kind);
    const effect: Effect = { ...body, key };
    this.#append({ at, type: 'effect_requested', v: 1, data: effect });
    const lane = IN_ORDER.includes(body.kind) ? 'talk' : null;
    this.outbox.add({ key, kind: body.kind, lane, body: JSON.stringify(effect) }, at);
  }

  #append(entry: { at: number; type: string; v: number; data: unknown }): JournalLine {
    const line = this.journal.append(entry);
    this.projections.add(this.#deps.auditOf(line, this.incident, this.state));
    return line;
  }

  #projectState(before: State, after: State, at: number): void {
    const { seq } = this.journal.head();
    this.projections.add(
      ...this.#deps.rowsOf({
        incident: this.incident,
        key: this.key,
        loop: this.#loop.name,
        seq,
        at,
        before,
        after,
        status: this.#loop.status(after),
        episode: this.#loop.episode(after),
      }),
      ...changedTimers(this.#loop.timers(before), this.#loop.timers(after)).map(
        ({ name, dueAt }): Projection => ({
          table: 'timers',
          row: { objectType: 'incident', object: this.incident, name, seq, dueAt },
        }),
      ),
    );
  }

  #snapshot(state: State, firstSeq: number): void {
    const { seq } = this.journal.head();
    if (Math.floor(seq / SNAPSHOT_EVERY) === Math.floor((firstSeq - 1) / SNAPSHOT_EVERY)) return;
    this.#sql.run(
      'INSERT OR REPLACE INTO snapshot (one, seq, state, v) VALUES (1, ?, ?, ?)',
      seq,
      canonicalJson(state),
      this.#deps.stateVersion,
    );
  }

  #load(): State {
    const snapshot = this.#sql.all<{ seq: number; state: string }>(
      'SELECT seq, state FROM snapshot WHERE v = ?',
      this.#deps.stateVersion,
    )[0];
    const from = snapshot ? (JSON.parse(snapshot.state) as State) : this.#loop.initial(this.incident);
    return this.#fold(from, this.journal.lines(snapshot?.seq ?? 0));
  }

  #fold(from: State, lines: readonly JournalLine[]): State {
    const entries = lines.map(({ data, ...line }) => ({ ...line, data: JSON.parse(data) as unknown }));
    return foldEntries(this.#loop, from, entries, this.#deps.upcasters);
  }

  #transaction(work: () => void): void {
    const before = this.#state;
    try {
      this.journal.transaction(() => {
        work();
        this.#deps.changed();
      });
    } catch (error) {
      this.#state = before;
      throw error;
    }
  }

  #identity(): { id: string; key: string } | undefined {
    return this.#sql.all<{ id: string; key: string }>('SELECT id, key FROM incident')[0];
  }

  #isSeen(event: string): boolean {
    return this.#sql.all('SELECT 1 FROM seen_events WHERE id = ?', event).length > 0;
  }

  #context(nowMs: number): DecideContext {
    return {
      nowMs,
      id: (type, name) => derivedId(type, sha256Bytes(`${this.incident}/${type}/${name}`)),
    };
  }
}

/** Timers that were set, moved or ended (`dueAt` null). */
export function changedTimers(
  before: readonly Timer[],
  after: readonly Timer[],
): { name: string; dueAt: number | null }[] {
  const due = (timers: readonly Timer[], name: string): number | null =>
    timers.find((timer) => timer.name === name)?.dueAt ?? null;
  const names = new Set([...before, ...after].map(({ name }) => name));
  return [...names]
    .filter((name) => due(before, name) !== due(after, name))
    .map((name) => ({ name, dueAt: due(after, name) }));
}
