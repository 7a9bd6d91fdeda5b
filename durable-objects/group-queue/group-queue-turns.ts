import { decideTurns } from '../../core/queue/turns.ts';
import type { Outbox } from '../shared/outbox.ts';
import type { GroupMessages } from './group-queue-messages.ts';
import type { Notices } from './group-queue-notices.ts';
import { type MessageRow, opensTask } from './group-queue-rows.ts';
import type { Steering } from './group-queue-steering.ts';
import { taskIncidentOf } from './group-queue-task.ts';

export interface TurnsDeps {
  messages: GroupMessages;
  steering: Steering;
  notices: Notices;
  outbox: Outbox;
  maxConcurrent: number;
  /** The work of this turn failed for good, and can be replayed. */
  deadLetter(row: MessageRow, error: string, at: number): void;
}

/** The outbox key of a message's turn. One that is replayed begins a new round. */
export const grantKey = ({ id, round }: Pick<MessageRow, 'id' | 'round'>): string =>
  round === 1 ? `grant:${id}` : `grant:${id}:${round}`;

/** What is said to a turn's incident comes in order. */
export const turnLane = (id: string): string => `turn:${id}`;

/** Whose turn it is, how a turn ends, and what becomes of the messages that it leaves unread. */
export class Turns {
  readonly #deps: TurnsDeps;

  constructor(deps: TurnsDeps) {
    this.#deps = deps;
  }

  /** What is free goes to those who are next. */
  grant(nowMs: number): void {
    const { messages, outbox, maxConcurrent } = this.#deps;
    if (messages.count('active') >= maxConcurrent) return;
    for (const id of decideTurns(messages.turns(), maxConcurrent)) {
      const row = messages.known(id);
      const incident = opensTask(row) ? taskIncidentOf(row) : row.incident;
      messages.set(id, { state: 'active', granted_at: nowMs, incident });
      outbox.add({ key: grantKey(row), kind: 'grant', lane: turnLane(id), body: id }, nowMs);
    }
  }

  /** A person's message whose work failed can be replayed; what an incident asked for is the incident's to say. */
  end(id: string, at: number, failed: string | null, canceled: string | null = null): void {
    const { messages, steering } = this.#deps;
    const row = messages.row(id);
    if (row?.state !== 'active' && row?.state !== 'waiting') return;
    const isCanceled = row.canceled_by !== null || canceled !== null;
    const isParked = !isCanceled && failed !== null && opensTask(row);
    const state = isCanceled ? 'canceled' : isParked ? 'parked' : 'done';
    messages.set(id, { state, ended_at: at, reason: isCanceled ? (row.reason ?? canceled) : failed });
    if (isParked) this.#deps.deadLetter(row, failed, at);
    // Who canceled the work asks for no answers to it.
    for (const left of steering.leftBy(id))
      if (isCanceled && left.answers !== null) messages.set(left.id, { state: 'noted', ended_at: at });
      else this.toOwnTurn(left, at);
  }

  /** Its turn could not be given, however often it was tried: it blocks nobody, and a person may replay it. */
  park(row: MessageRow, error: string, nowMs: number): void {
    const { messages, steering, notices } = this.#deps;
    messages.set(row.id, { state: 'parked', ended_at: nowMs, reason: error });
    notices.tell(row.id, { what: 'parked', reason: error }, nowMs);
    for (const left of steering.leftBy(row.id)) this.toOwnTurn(left, nowMs);
  }

  /** A parked one takes its place in the line again. */
  queueAgain({ id, round }: MessageRow, nowMs: number): void {
    this.#deps.messages.set(id, {
      state: 'waiting',
      round: round + 1,
      queued_at: nowMs,
      ended_at: null,
      reason: null,
    });
  }

  /** A message that the run it was for did not read. */
  toOwnTurn({ id, state }: MessageRow, nowMs: number): void {
    if (state !== 'steering') return;
    this.#deps.messages.set(id, { state: 'waiting', steers: null, queued_at: nowMs });
    this.#deps.notices.tell(id, { what: 'came_too_late' }, nowMs);
  }
}
