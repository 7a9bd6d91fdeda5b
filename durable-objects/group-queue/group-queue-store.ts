import { decideAnswer, decideTurns } from '../../core/queue/turns.ts';
import type { CancelAnswer, DispatchAnswerMessage, GroupMessage, PersonMessage } from '../rpc.ts';
import { migrate } from '../shared/migrate.ts';
import { Outbox, type OutboxItem } from '../shared/outbox.ts';
import type { Failure } from '../shared/outbox-drain.ts';
import { ProjectionQueue } from '../shared/projection.ts';
import type { Sql } from '../shared/sql.ts';
import { answerRow } from './group-queue-answers.ts';
import { deadLetterOf, grantKey } from './group-queue-letters.ts';
import { GroupMessages } from './group-queue-messages.ts';
import { groupQueueMigrations } from './group-queue-migrations.ts';
import {
  type MessageRow,
  type MessageState,
  opensTask,
  type StoredMessage,
  shownMessage,
} from './group-queue-rows.ts';
import { Steering } from './group-queue-steering.ts';
import { taskIncidentOf } from './group-queue-task.ts';

/** Longer than a session and what follows it take; then the incident is asked whether it still needs the turn. */
const LOOK_AFTER_MS = 60 * 60_000;
/** Looks are rounded to this, so that not every turn moves the alarm and its row. */
const LOOK_STEP_MS = 30 * 60_000;

/** What a person hears of a message besides its answer. */
export type Notice =
  | { what: 'queued' | 'passed_on' | 'came_too_late' }
  | { what: 'no_slot'; position: number }
  | { what: 'parked'; reason: string };

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
        if (show && !message.isShown) this.#show(message.id, nowMs);
      });
    const { state } = this.#known(message.id);
    return state === 'waiting' || state === 'active'
      ? { state, position: this.position(message.id) ?? 0 }
      : { state: 'noted', position: 0 };
  }

  /** What a person says to the group's agent: for the run that is going on, else for a turn of its own. */
  say(message: PersonMessage, show: boolean, nowMs: number): { state: MessageState; position: number } {
    if (this.row(message.id) === null)
      this.#change(nowMs, () => {
        const joined = message.isOwnTask ? null : this.#steering.turnFor(message.thread);
        const row = { ...message, turn: 1, incident: null };
        this.#add(row, joined === null ? 'waiting' : 'steering', nowMs);
        if (show) this.#show(message.id, nowMs);
        if (joined !== null) this.#steering.join(message.id, joined, nowMs);
        this.#grant(nowMs);
        if (this.#known(message.id).state === 'waiting') this.#tell(message.id, { what: 'queued' }, nowMs);
      });
    return { state: this.#known(message.id).state, position: this.position(message.id) ?? 0 };
  }

  /** What came of a task that a session of this group dispatched: for that session, else for a turn of its own. */
  answer(answer: DispatchAnswerMessage, show: boolean, nowMs: number): MessageState {
    if (this.row(answer.id) === null)
      this.#change(nowMs, () => {
        const asked = this.#messages.turnOf(answer.parent.incident);
        const way = decideAnswer(asked && { state: asked.state, isCanceled: asked.canceled_by !== null });
        this.#add(answerRow(answer, asked), way === 'turn' ? 'waiting' : way, nowMs);
        if (show) this.#show(answer.id, nowMs);
        if (way === 'steering' && asked !== null) this.#steering.join(answer.id, asked.id, nowMs);
      });
    return this.#known(answer.id).state;
  }

  /** `failed`: why its work came to nothing for good. */
  endTurn(id: string, at: number, failed: string | null = null): void {
    this.#change(at, () => this.#end(id, at, failed));
  }

  /** The incident of an active turn begins this run for it: what is for the turn goes there. */
  runBegins(incident: string, run: string, nowMs: number): void {
    this.#change(nowMs, () => this.#steering.runBegins(incident, run, nowMs));
  }

  /** The run of a turn waits for a slot: who asked for it hears the place. */
  waitsForSlot(run: string, position: number, nowMs: number): void {
    const turn = this.#messages.active().find((row) => row.run === run);
    if (turn) this.#change(nowMs, () => this.#tell(turn.id, { what: 'no_slot', position }, nowMs));
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
        if (outcome.steered === 'accepted') this.#tell(id, { what: 'passed_on' }, nowMs);
      } else this.#end(id, nowMs, null);
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
      if (kind === 'steer') this.#toOwnTurn(row, nowMs);
      else this.#letter(row, { key, kind, state: 'dead', tries, error }, nowMs);
      if (kind === 'grant') this.#park(row, error, nowMs);
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
      else {
        const round = row.round + 1;
        this.#messages.set(row.id, {
          state: 'waiting',
          round,
          queued_at: nowMs,
          ended_at: null,
          reason: null,
        });
      }
    });
    return true;
  }

  /** When an active turn is looked after next. */
  nextLookAt(): number | null {
    const due = this.#messages.active().map(lookAt);
    return due.length === 0 ? null : Math.min(...due);
  }

  /** A turn that is held for very long may have lost who would end it: its incident is asked once more. */
  look(nowMs: number): void {
    const due = this.#messages.active().filter((row) => lookAt(row) <= nowMs);
    if (due.length === 0) return;
    this.#change(nowMs, () => {
      for (const { id } of due) {
        this.#messages.set(id, { looked_at: nowMs });
        this.outbox.add({ key: `look:${id}:${nowMs}`, kind: 'look', lane: null, body: id }, nowMs);
      }
    });
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

  redact(incident: string, text: string): void {
    this.#messages.redact(incident, text);
  }

  #known(id: string): MessageRow {
    const row = this.row(id);
    if (row === null) throw new Error(`message ${id} was not kept`);
    return row;
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

  #show(id: string, nowMs: number): void {
    this.outbox.add({ key: `show:${id}`, kind: 'show', lane: 'chat', body: id }, nowMs);
  }

  /** To a person who waits, once, in the order of what happened. */
  #tell(id: string, notice: Notice, nowMs: number): void {
    const { reply, round, answers } = this.#known(id);
    // Nobody said an answer: of its way only a failure is worth telling.
    if (reply === null || (answers !== null && notice.what !== 'parked')) return;
    const key = `tell:${id}:${notice.what}:${round}`;
    this.outbox.add({ key, kind: 'tell', lane: 'chat', body: JSON.stringify({ id, ...notice }) }, nowMs);
  }

  /** A person's message whose work failed can be replayed; what an incident asked for is the incident's to say. */
  #end(id: string, at: number, failed: string | null): void {
    const row = this.row(id);
    if (row?.state !== 'active' && row?.state !== 'waiting') return;
    const isCanceled = row.canceled_by !== null;
    const isParked = !isCanceled && failed !== null && opensTask(row);
    const state = isCanceled ? 'canceled' : isParked ? 'parked' : 'done';
    this.#messages.set(id, { state, ended_at: at, reason: isCanceled ? row.reason : failed });
    if (isParked) this.#letter(row, { state: 'dead', tries: row.round, error: failed }, at);
    // Who canceled the work asks for no answers to it.
    for (const left of this.#steering.leftBy(id))
      if (isCanceled && left.answers !== null) this.#messages.set(left.id, { state: 'noted', ended_at: at });
      else this.#toOwnTurn(left, at);
  }

  #park(row: MessageRow, error: string, nowMs: number): void {
    this.#messages.set(row.id, { state: 'parked', ended_at: nowMs, reason: error });
    this.#tell(row.id, { what: 'parked', reason: error }, nowMs);
    for (const left of this.#steering.leftBy(row.id)) this.#toOwnTurn(left, nowMs);
  }

  #toOwnTurn(row: MessageRow, nowMs: number): void {
    if (row.state !== 'steering') return;
    this.#messages.set(row.id, { state: 'waiting', steers: null, queued_at: nowMs });
    this.#tell(row.id, { what: 'came_too_late' }, nowMs);
  }

  #grant(nowMs: number): void {
    if (this.#messages.count('active') >= this.#maxConcurrent) return;
    for (const id of decideTurns(this.#messages.turns(), this.#maxConcurrent)) {
      const row = this.#known(id);
      const incident = opensTask(row) ? taskIncidentOf(row) : row.incident;
      this.#messages.set(id, { state: 'active', granted_at: nowMs, incident });
      this.outbox.add({ key: grantKey(row), kind: 'grant', lane: turnLane(id), body: id }, nowMs);
    }
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
      this.#grant(nowMs);
      this.#projectLook();
      this.#changed();
    });
  }

  #projectLook(): void {
    const dueAt = this.nextLookAt();
    const known = this.#sql.all<{ seq: number; due_at: number | null }>('SELECT seq, due_at FROM look')[0];
    if ((known?.due_at ?? null) === dueAt) return;
    const seq = (known?.seq ?? 0) + 1;
    this.#sql.run('INSERT OR REPLACE INTO look (one, seq, due_at) VALUES (1, ?, ?)', seq, dueAt);
    const row = { objectType: 'group_queue', object: this.#group, name: 'look', seq, dueAt };
    this.projections.add({ table: 'timers', row });
  }
}

const lookAt = ({ looked_at, granted_at, at }: MessageRow): number =>
  Math.ceil(((looked_at ?? granted_at ?? at) + LOOK_AFTER_MS) / LOOK_STEP_MS) * LOOK_STEP_MS;

/** What is said to a turn's incident comes in order. */
const turnLane = (id: string): string => `turn:${id}`;

/** An effect's body is its message's id, or JSON that names it. */
const messageOf = (body: string): string =>
  body.startsWith('{') ? (JSON.parse(body) as { id: string }).id : body;
