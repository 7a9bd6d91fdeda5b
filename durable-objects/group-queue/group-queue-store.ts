import { decideAnswer } from '../../core/queue/turns.ts';
import { migrate } from '../shared/migrate.ts';
import { Outbox, type OutboxItem } from '../shared/outbox.ts';
import type { Failure } from '../shared/outbox-drain.ts';
import { ProjectionQueue } from '../shared/projection.ts';
import { DELETED } from '../shared/redact.ts';
import type { Sql } from '../shared/sql.ts';
import { answerRow } from './group-queue-answers.ts';
import { deadLetterOf } from './group-queue-dead-letters.ts';
import { LongTurns } from './group-queue-long-turns.ts';
import { GroupMessages } from './group-queue-messages.ts';
import { groupQueueMigrations } from './group-queue-migrations.ts';
import { Notices } from './group-queue-notices.ts';
import { readersOf, readersOfText } from './group-queue-readers.ts';
import { type MessageRow, type MessageState, type StoredMessage, shownMessage } from './group-queue-rows.ts';
import type {
  CancelAnswer,
  DispatchAnswerMessage,
  FoundMessage,
  GroupMessage,
  PersonMessage,
  Readers,
} from './group-queue-rpc.ts';
import { Steering } from './group-queue-steering.ts';
import { grantKey, Turns, turnLane } from './group-queue-turns.ts';

/**
 * What the store has to know of a performed effect. `unwanted`: nobody waits for the turn any more; it ends at once, so
 * that it blocks no one.
 */
export type EffectOutcome = { unwanted: true } | { steered: 'accepted' | 'ended' } | null;

/** The messages of one group, kept in order: whose turn it is, and which go to a run that is going on. */
export class GroupQueueStore {
  readonly outbox: Outbox;
  readonly projections: ProjectionQueue;
  readonly #messages: GroupMessages;
  readonly #steering: Steering;
  readonly #notices: Notices;
  readonly #turns: Turns;
  readonly #longTurns: LongTurns;
  readonly #sql: Sql;
  readonly #group: string;
  readonly #maxConcurrent: number;
  readonly #changed: () => void;

  constructor(sql: Sql, group: string, maxConcurrent: number, changed: () => void) {
    migrate(sql, groupQueueMigrations);
    this.#sql = sql;
    this.#group = group;
    this.#maxConcurrent = maxConcurrent;
    this.#changed = changed;
    this.outbox = new Outbox(sql);
    this.projections = new ProjectionQueue(sql);
    this.#messages = new GroupMessages(sql, group);
    this.#steering = new Steering(this.#messages, this.outbox);
    this.#notices = new Notices(this.#messages, this.outbox);
    this.#longTurns = new LongTurns(sql, this.#messages);
    this.#turns = new Turns({
      messages: this.#messages,
      steering: this.#steering,
      notices: this.#notices,
      outbox: this.outbox,
      maxConcurrent,
      deadLetter: (row, error, at) => this.#letter(row, { state: 'dead', tries: row.round, error }, at),
    });
  }

  /** `show`: it is to appear in the group's chat. A known id changes nothing. */
  enqueue(
    message: GroupMessage & { at: number },
    show: boolean,
    nowMs: number,
  ): { state: 'active' | 'waiting' | 'noted'; position: number } {
    if (this.row(message.id) === null)
      this.#change(nowMs, () => {
        const { priority = 2, turn } = message;
        this.#add({ ...message, priority, turn: turn ? 1 : 0 }, turn ? 'waiting' : 'noted', nowMs);
        if (show && !message.isShown) this.#notices.show(message.id, nowMs);
      });
    const { state } = this.#messages.known(message.id);
    return state === 'waiting' || state === 'active'
      ? { state, position: this.position(message.id) ?? 0 }
      : { state: 'noted', position: 0 };
  }

  /** What a person says to the group's agent: for the run that is going on, else for a turn of its own. */
  say(message: PersonMessage, show: boolean, nowMs: number): { state: MessageState; position: number } {
    if (this.row(message.id) === null)
      this.#change(nowMs, () => {
        const joined = message.isOwnTask
          ? null
          : this.#steering.turnFor(message.thread, message.about ?? null);
        const row = { ...message, turn: 1, incident: null };
        this.#add(row, joined === null ? 'waiting' : 'steering', nowMs);
        if (show) this.#notices.show(message.id, nowMs);
        if (joined !== null) this.#steering.join(message.id, joined, nowMs);
        this.#turns.grant(nowMs);
        if (this.#messages.known(message.id).state === 'waiting')
          this.#notices.tell(message.id, { what: 'queued' }, nowMs);
      });
    return { state: this.#messages.known(message.id).state, position: this.position(message.id) ?? 0 };
  }

  /** What came of a task that a session of this group dispatched: for that session, else for a turn of its own. */
  answer(answer: DispatchAnswerMessage, show: boolean, nowMs: number): MessageState {
    if (this.row(answer.id) === null)
      this.#change(nowMs, () => {
        const asked = this.#messages.turnOf(answer.parent.incident);
        const way = decideAnswer(asked && { state: asked.state, isCanceled: asked.canceled_by !== null });
        this.#add(answerRow(answer, asked), way === 'turn' ? 'waiting' : way, nowMs);
        if (show) this.#notices.show(answer.id, nowMs);
        if (way === 'steering' && asked !== null) this.#steering.join(answer.id, asked.id, nowMs);
      });
    return this.#messages.known(answer.id).state;
  }

  endTurn(id: string, at: number, failed: string | null = null, canceled: string | null = null): void {
    this.#change(at, () => this.#turns.end(id, at, failed, canceled));
  }

  /** The incident of an active turn begins this run for it: what is for the turn goes there. */
  runBegins(incident: string, run: string, nowMs: number): void {
    this.#change(nowMs, () => this.#steering.runBegins(incident, run, nowMs));
  }

  /** The run of a turn waits for a slot: who asked for it hears the place. */
  waitsForSlot(run: string, position: number, nowMs: number): void {
    const turn = this.#messages.active().find((row) => row.run === run);
    if (turn) this.#change(nowMs, () => this.#notices.tell(turn.id, { what: 'no_slot', position }, nowMs));
  }

  /** The run's model was given it. */
  seen(id: string, run: string, nowMs: number): void {
    this.#change(nowMs, () => this.#steering.seen(id, run, nowMs));
  }

  /** A waiting one never runs; of an active one the incident ends the run and gives the turn back. */
  cancel(id: string, by: string, nowMs: number): CancelAnswer {
    const row = this.row(id);
    if (row === null) return { status: 'unknown' };
    if (
      row.state === 'noted' ||
      row.state === 'done' ||
      row.state === 'canceled' ||
      this.#steering.isWithRun(row)
    )
      return { status: 'too_late', state: row.state };
    const isActive = row.state === 'active';
    this.#change(nowMs, () => {
      const reason = `canceled by ${by}`;
      this.#messages.set(id, { canceled_by: by, reason });
      if (!isActive) this.#messages.set(id, { state: 'canceled', ended_at: nowMs });
      if (row.state === 'parked') this.#letter(row, { state: 'replayed', tries: 0, error: reason }, nowMs);
      if (isActive || row.incident !== null)
        this.outbox.add(
          { key: `cancel:${id}:${row.round}`, kind: 'cancel', lane: turnLane(id), body: id },
          nowMs,
        );
    });
    return { status: isActive ? 'canceling' : 'canceled', text: row.text };
  }

  /** As `cancel`, of a person's newest open message in a thread. A command that is repeated gets its first answer. */
  cancelNewest(command: string, thread: string, by: string, nowMs: number): CancelAnswer {
    const known = this.#sql.all<{ answer: string }>('SELECT answer FROM commands WHERE id = ?', command)[0];
    if (known) return JSON.parse(known.answer) as CancelAnswer;
    let answer: CancelAnswer = { status: 'unknown' };
    this.#change(nowMs, () => {
      const row = this.#messages.newestOpen(thread);
      if (row !== null) answer = this.cancel(row.id, by, nowMs);
      this.#sql.run('INSERT INTO commands (id, answer) VALUES (?, ?)', command, JSON.stringify(answer));
    });
    return answer;
  }

  succeeded({ key, body }: OutboxItem, outcome: EffectOutcome, nowMs: number): void {
    this.#change(nowMs, () => {
      this.outbox.done(key);
      if (outcome === null) return;
      const id = messageOf(body);
      if ('steered' in outcome) {
        if (outcome.steered === 'accepted') this.#notices.tell(id, { what: 'passed_on' }, nowMs);
      } else this.#turns.end(id, nowMs, null);
    });
  }

  fail({ key, kind, body }: OutboxItem, failure: Failure): void {
    this.#change(failure.nowMs, () => {
      if (this.outbox.fail(key, failure).kind !== 'dead') return;
      const row = this.row(messageOf(body));
      const isOver = kind === 'grant' && row?.state !== 'active';
      if (row === null || kind === 'look' || isOver) return;
      const { nowMs, error } = failure;
      const tries = this.outbox.get(key)?.tries ?? 0;
      if (kind === 'steer') this.#turns.toOwnTurn(row, nowMs);
      else this.#letter(row, { key, kind, state: 'dead', tries, error }, nowMs);
      if (kind === 'grant') this.#turns.park(row, error, nowMs);
    });
  }

  /** Gives a dead effect its tries back; a parked message takes its place in the line again. */
  retry(key: string, nowMs: number): boolean {
    const item = this.outbox.get(key);
    const row = item === null ? null : this.row(messageOf(item.body));
    if (item === null || row === null) return false;
    const isTurn = item.kind === 'grant';
    if (isTurn ? row.state !== 'parked' || key !== grantKey(row) : item.state !== 'dead') return false;
    const { kind, tries } = item;
    this.#change(nowMs, () => {
      this.#letter(
        row,
        { key, kind, state: 'replayed', tries, error: item.error ?? row.reason ?? '' },
        nowMs,
      );
      if (!isTurn) this.outbox.revive(key, nowMs);
      else this.#turns.queueAgain(row, nowMs);
    });
    return true;
  }

  /** When an active turn is looked after next. */
  nextLookAt(): number | null {
    return this.#longTurns.nextAt();
  }

  /** A turn that is held for very long may have lost who would end it: its incident is asked once more. */
  look(nowMs: number): void {
    if (this.#longTurns.isDue(nowMs)) this.#change(nowMs, () => this.#longTurns.ask(this.outbox, nowMs));
  }

  row(id: string): MessageRow | null {
    return this.#messages.row(id);
  }

  get(id: string): StoredMessage | null {
    const row = this.row(id);
    return row === null ? null : shownMessage(this.#group, row, this.position(id));
  }

  /** 1 is next; null unless it waits. */
  position(id: string): number | null {
    return this.row(id)?.state === 'waiting' ? this.#messages.position(id) : null;
  }

  messages(before: number | null, limit: number): StoredMessage[] {
    return this.#messages.page(before, limit);
  }

  counts(): { waiting: number; active: number; parked: number; maxConcurrent: number } {
    const [waiting, active, parked] = (['waiting', 'active', 'parked'] as const).map((state) =>
      this.#messages.count(state),
    );
    return {
      waiting: waiting ?? 0,
      active: active ?? 0,
      parked: parked ?? 0,
      maxConcurrent: this.#maxConcurrent,
    };
  }

  find(id: string): FoundMessage | null {
    const row = this.row(id);
    if (row === null) return null;
    const { text, attachment, state } = row;
    return { text, attachment, state, ...readersOf(this.#messages, row) };
  }

  readersOf(text: string): Readers {
    return readersOfText(this.#messages, text);
  }

  redact(text: string, incident: string | null): void {
    this.#sql.transaction(() => {
      this.#messages.redact(text, incident);
      this.#changed();
    });
  }

  /** What one message says, for good. */
  blank(id: string): void {
    this.#sql.transaction(() => {
      this.#messages.set(id, { text: DELETED, attachment: null });
      this.#changed();
    });
  }

  #add(
    message: Pick<MessageRow, 'id' | 'thread' | 'text' | 'turn' | 'incident' | 'at' | 'priority'> & {
      from: string;
      reply?: PersonMessage['reply'] | null;
      attachment?: string | null;
      answers?: string | null;
    },
    state: MessageState,
    nowMs: number,
  ): void {
    const { id, thread, from, text, turn, incident, at, priority, reply } = message;
    this.#messages.add({
      id,
      thread,
      sender: from,
      text,
      turn,
      incident,
      at,
      state,
      queued_at: nowMs,
      priority,
      reply: reply ? JSON.stringify(reply) : null,
      attachment: message.attachment ?? null,
      answers: message.answers ?? null,
    });
  }

  #letter(
    row: MessageRow,
    letter: { key?: string; kind?: string; state: 'dead' | 'replayed'; tries: number; error: string },
    at: number,
  ): void {
    this.projections.add(
      deadLetterOf(this.#group, row, { key: grantKey(row), kind: 'grant', ...letter, at }),
    );
  }

  /** One transaction; what became free is granted, and the row of the next look follows. */
  #change(nowMs: number, work: () => void): void {
    this.#sql.transaction(() => {
      work();
      this.#turns.grant(nowMs);
      this.#longTurns.project(this.#group, this.projections);
      this.#changed();
    });
  }
}

/** An effect's body is its message's id, or JSON that names it. */
const messageOf = (body: string): string =>
  body.startsWith('{') ? (JSON.parse(body) as { id: string }).id : body;
