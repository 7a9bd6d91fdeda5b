import { canonicalJson } from '../../core/journal/canonical-json.ts';
import type { DecideContext, Loop } from '../../core/loops/loop.ts';
import { type Journal, type JournalLine, sha256Hex } from '../shared/journal.ts';
import { foldEntries } from '../shared/journal-fold.ts';
import { type Redecision, redecide } from '../shared/journal-redecide.ts';
import type { Upcaster } from '../shared/journal-upcast.ts';
import type { Sql } from '../shared/sql.ts';

/** Rebuilding from here on costs a few milliseconds at most. */
const SNAPSHOT_EVERY = 200;

export interface IncidentStateDeps<State, Event extends { type: string }, F extends Fact> {
  sql: Sql;
  incident: string;
  journal: Journal;
  loop: Loop<State, Event, F>;
  /** Of the loop's facts. */
  upcasters: readonly Upcaster[];
  /** Of the state's shape; snapshots of another one are not read. */
  stateVersion: number;
}

export interface Fact {
  type: string;
  data: unknown;
}

/** The state of one incident: a fold of its journal, kept in memory, and begun at the newest snapshot. */
export class IncidentState<State, Event extends { type: string }, F extends Fact> {
  readonly #deps: IncidentStateDeps<State, Event, F>;
  #current: State | null = null;

  constructor(deps: IncidentStateDeps<State, Event, F>) {
    this.#deps = deps;
  }

  get current(): State {
    this.#current ??= this.#load();
    return this.#current;
  }

  /** `state`: what the lines from `firstSeq` on have made of it; in the transaction that wrote them. */
  advance(state: State, firstSeq: number): void {
    const { sql, journal, stateVersion } = this.#deps;
    this.#current = state;
    const { seq } = journal.head();
    if (Math.floor(seq / SNAPSHOT_EVERY) === Math.floor((firstSeq - 1) / SNAPSHOT_EVERY)) return;
    sql.run(
      'INSERT OR REPLACE INTO snapshot (one, seq, state, v) VALUES (1, ?, ?, ?)',
      seq,
      canonicalJson(state),
      stateVersion,
    );
  }

  /** After a transaction was rolled back: what is kept counts. */
  forget(): void {
    this.#current = null;
  }

  /** Folds the whole journal anew and compares with the living state, byte for byte. */
  replay(): { identical: boolean; entries: number; sha256: string } {
    const { journal, loop, incident } = this.#deps;
    const lines = journal.lines();
    const replayed = canonicalJson(this.#fold(loop.initial(incident), lines));
    const identical = replayed === canonicalJson(this.current) && journal.findFault() === null;
    return { identical, entries: lines.length, sha256: sha256Hex(replayed) };
  }

  /** Where today's code would decide otherwise than it was decided; writes nothing. */
  redecide(contextAt: (atMs: number) => DecideContext): Redecision {
    const { journal, loop, incident, upcasters } = this.#deps;
    return redecide(loop, loop.initial(incident), journal.lines().map(parsed), upcasters, contextAt);
  }

  #load(): State {
    const { sql, journal, loop, incident, stateVersion } = this.#deps;
    const snapshot = sql.all<{ seq: number; state: string }>(
      'SELECT seq, state FROM snapshot WHERE v = ?',
      stateVersion,
    )[0];
    const from = snapshot ? (JSON.parse(snapshot.state) as State) : loop.initial(incident);
    return this.#fold(from, journal.lines(snapshot?.seq ?? 0));
  }

  #fold(from: State, lines: readonly JournalLine[]): State {
    const { loop, upcasters } = this.#deps;
    return foldEntries(loop, from, lines.map(parsed), upcasters);
  }
}

const parsed = ({ data, ...line }: JournalLine) => ({ ...line, data: JSON.parse(data) as unknown });
