import type { Priority } from '../../core/contracts/priority.ts';
import type { SqlRow } from '../shared/sql.ts';

/**
 * `noted`: said, nobody is to act. `waiting`, `active`: for a turn, in it. `steering`: goes to the run of an active
 * turn. `parked`: its turn failed for good; it blocks no one and can be replayed.
 */
export type MessageState = 'noted' | 'waiting' | 'active' | 'steering' | 'done' | 'canceled' | 'parked';

export interface ReplyPlace {
  chat: string;
  thread: number | null;
}

/** A message as the API shows it. */
export interface StoredMessage {
  n: number;
  id: string;
  group: string;
  thread: string;
  from: string;
  text: string;
  turn: boolean;
  incident: string | null;
  at: number;
  state: MessageState;
  priority: Priority;
  /** 1 is next; null unless it waits. */
  position: number | null;
  /** Of an active turn, the run that works on it. */
  run: string | null;
  /** The turn whose run it was passed on to. */
  steers: string | null;
  seenAt: number | null;
  endedAt: number | null;
  /** Why it is parked or canceled. */
  reason: string | null;
  /** The dispatched task that it answers, and the run that dispatched it. */
  answers: AnsweredDispatch | null;
}

export interface AnsweredDispatch {
  run: string;
  incident: string;
}

export interface MessageRow extends SqlRow {
  n: number;
  id: string;
  thread: string;
  sender: string;
  text: string;
  turn: number;
  incident: string | null;
  at: number;
  state: MessageState;
  ended_at: number | null;
  queued_at: number;
  priority: Priority;
  reply: string | null;
  attachment: string | null;
  round: number;
  granted_at: number | null;
  looked_at: number | null;
  run: string | null;
  steers: string | null;
  seen_at: number | null;
  canceled_by: string | null;
  reason: string | null;
  answers: string | null;
}

/** Its turn begins a task of its own; else an incident asked for the turn and hears of it. */
export const opensTask = ({ reply, answers }: Pick<MessageRow, 'reply' | 'answers'>): boolean =>
  reply !== null || answers !== null;

export const answersOf = ({ answers }: Pick<MessageRow, 'answers'>): AnsweredDispatch | null =>
  answers === null ? null : (JSON.parse(answers) as AnsweredDispatch);

export const replyOf = ({ reply }: Pick<MessageRow, 'reply'>): ReplyPlace | null =>
  reply === null ? null : (JSON.parse(reply) as ReplyPlace);

export function shownMessage(group: string, row: MessageRow, position: number | null): StoredMessage {
  const { n, id, thread, sender, text, turn, incident, at, state, priority } = row;
  return {
    n,
    id,
    group,
    thread,
    from: sender,
    text,
    turn: turn === 1,
    incident,
    at,
    state,
    priority,
    position,
    run: row.run,
    steers: row.steers,
    seenAt: row.seen_at,
    endedAt: row.ended_at,
    reason: row.reason,
    answers: answersOf(row),
  };
}
