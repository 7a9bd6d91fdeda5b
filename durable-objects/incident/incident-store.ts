import { derivedId } from '../../core/contracts/ids.ts';
import type { Effect } from '../../core/loops/effects.ts';
import {
  type DecideContext,
  type Decision,
  effectKey,
  type Loop,
  type Timer,
} from '../../core/loops/loop.ts';
import type { Projection } from '../../workers/db/projections.ts';
import { Journal, type JournalLine, sha256Bytes } from '../shared/journal.ts';
import type { Redecision } from '../shared/journal-redecide.ts';
import { type Upcaster, versionOf } from '../shared/journal-upcast.ts';
import { migrate } from '../shared/migrate.ts';
import { Outbox } from '../shared/outbox.ts';
import type { Failure } from '../shared/outbox-drain.ts';
import { ProjectionQueue } from '../shared/projection.ts';
import type { Sql } from '../shared/sql.ts';
import { Subjects } from '../shared/subjects.ts';
import { incidentMigrations } from './incident-migrations.ts';
import { deadLetterRow, subjectRow, timerRows } from './incident-rows.ts';
import { type Fact, IncidentState } from './incident-state.ts';

/** Effects that a human reads in order. */
const IN_ORDER: readonly string[] = [
  'notify_operator',
  'settle_operator_message',
  'post_message',
  'relay',
  'answer_chat',
];

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
  /** As in `IncidentStateDeps`. */
  upcasters: readonly Upcaster[];
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

/** One incident: its journal, the state that follows from it, and its outbox. All that an event leads to is one transaction. */
export class IncidentStore<State, Event extends { type: string }, F extends Fact> {
  readonly outbox: Outbox;
  readonly projections: ProjectionQueue;
  readonly subjects: Subjects;
  readonly journal: Journal;
  readonly incident: string;
  readonly #sql: Sql;
  readonly #loop: Loop<State, Event, F>;
  readonly #deps: StoreDeps<State>;
  readonly #state: IncidentState<State, Event, F>;

  constructor(sql: Sql, name: string | null, loop: Loop<State, Event, F>, deps: StoreDeps<State>) {
    migrate(sql, incidentMigrations);
    this.#sql = sql;
    this.#loop = loop;
    this.#deps = deps;
    this.outbox = new Outbox(sql);
    this.projections = new ProjectionQueue(sql);
    this.subjects = new Subjects(sql);
    this.incident = name ?? this.#identity()?.id ?? '';
    this.journal = new Journal(sql, this.incident);
    const { incident, journal } = this;
    const { upcasters, stateVersion } = deps;
    this.#state = new IncidentState({ sql, incident, journal, loop, upcasters, stateVersion });
  }

  get state(): State {
    return this.#state.current;
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
      this.#deadLetter(key, 'dead', failure.nowMs);
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

  replay(): { identical: boolean; entries: number; sha256: string } {
    return this.#state.replay();
  }

  redecide(): Redecision {
    return this.#state.redecide((atMs) => this.#context(atMs));
  }

  /** Puts a dead effect back; false when there is no such one. */
  retry(key: string, by: string): boolean {
    const item = this.outbox.get(key);
    if (item?.state !== 'dead') return false;
    const at = this.#deps.now();
    this.#transaction(() => {
      this.outbox.revive(key, at);
      this.#append({ at, type: 'effect_retried', v: 1, data: { key, kind: item.kind, by } });
      this.#deadLetter(key, 'replayed', at);
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
      this.#redact(text, by);
    });
    return text;
  }

  /** Takes a text out of whatever it was quoted in. */
  redact(text: string, by: string): void {
    this.#transaction(() => this.#redact(text, by));
  }

  #redact(text: string, by: string): void {
    for (const subject of this.subjects.redact(text))
      this.#append({ at: this.#deps.now(), type: 'subject_redacted', v: 1, data: { subject, by } });
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
      this.projections.add(subjectRow(this.incident, id, at));
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
    this.#state.advance(state, seq);
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
      ...timerRows(this.incident, seq, this.#loop.timers(before), this.#loop.timers(after)),
    );
  }

  #deadLetter(key: string, state: 'dead' | 'replayed', at: number): void {
    const item = this.outbox.get(key);
    if (item === null) return;
    const seq = this.journal.head().seq * 2 + (state === 'replayed' ? 1 : 0);
    this.projections.add(deadLetterRow(this.incident, item, { state, seq, at }));
  }

  #transaction(work: () => void): void {
    try {
      this.journal.transaction(() => {
        work();
        this.#deps.changed();
      });
    } catch (error) {
      this.#state.forget();
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
