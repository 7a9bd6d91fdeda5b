import type { Outbox } from '../shared/outbox.ts';
import type { GroupMessages } from './group-queue-messages.ts';

/** What a person hears of a message besides its answer. */
export type Notice =
  | { what: 'queued' | 'passed_on' | 'came_too_late' }
  | { what: 'no_slot'; position: number }
  | { what: 'parked'; reason: string };

/** What chats are told of messages, once each and in the order of what happened. */
export class Notices {
  readonly #messages: GroupMessages;
  readonly #outbox: Outbox;

  constructor(messages: GroupMessages, outbox: Outbox) {
    this.#messages = messages;
    this.#outbox = outbox;
  }

  /** In the group's chat. */
  show(id: string, nowMs: number): void {
    this.#outbox.add({ key: `show:${id}`, kind: 'show', lane: 'chat', body: id }, nowMs);
  }

  /** To a person who waits. */
  tell(id: string, notice: Notice, nowMs: number): void {
    const { reply, round, answers } = this.#messages.known(id);
    // Nobody said an answer: of its way only a failure is worth telling.
    if (reply === null || (answers !== null && notice.what !== 'parked')) return;
    const key = `tell:${id}:${notice.what}:${round}`;
    this.#outbox.add({ key, kind: 'tell', lane: 'chat', body: JSON.stringify({ id, ...notice }) }, nowMs);
  }
}
