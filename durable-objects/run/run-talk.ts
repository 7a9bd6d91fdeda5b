import { MAX_MESSAGE_CHARS } from '../../core/contracts/run.ts';
import { clip } from '../../core/text/plain.ts';
import type { SessionMessage } from '../../core/text/session-message.ts';
import type { RunBook } from './run-book.ts';
import type { SteerAnswer } from './run-rpc.ts';

/** More than a person says to one run; all of them go into the prompt of its next session. */
const MAX_MESSAGES = 20;

/** What is said to a run while it goes on. */
export class RunTalk {
  readonly #book: RunBook;

  constructor(book: RunBook) {
    this.#book = book;
  }

  /** A message for the next turn of its model, once by its id. `ended`: there is none, or it has given its result. */
  steer(message: SessionMessage, nowMs: number): SteerAnswer {
    const { record, messages } = this.#book;
    if (record === null) return 'not_started';
    const known = messages.get(message.id);
    if (known?.seenAt) return 'accepted';
    if (record.status === 'ended' || record.reported !== null || record.rerun !== null) return 'ended';
    if (known !== null) return 'accepted';
    if (messages.all().length >= MAX_MESSAGES) return 'ended';
    this.#book.change(() => {
      messages.add({ ...message, text: clip(message.text, MAX_MESSAGE_CHARS) });
      this.#book.audit('message_taken', { by: message.from, message: message.id }, nowMs);
      if (record.spec.kind === 'heavy' && record.status === 'running')
        this.#send(message.id, record.fence, nowMs);
    });
    return 'accepted';
  }

  /** A session has begun: with what was in its prompt; what came since then is sent after it. */
  catchUp(fence: number, at: number): void {
    for (const { id, promptFence } of this.#book.messages.all())
      if (promptFence === fence) this.given(id, at);
      else this.#send(id, fence, at);
  }

  /** Before the incident hears of the run's end, so that its group knows what was read. */
  given(id: string, at: number): void {
    if (this.#book.messages.get(id)?.seenAt !== null) return;
    this.#book.messages.markSeen(id, at);
    this.#book.audit('message_given', { by: this.#book.record?.spec.group, message: id }, at);
    const body = JSON.stringify({ message: id, at });
    this.#book.outbox.add({ key: `seen:${id}`, kind: 'seen', lane: 'incident', body }, at);
  }

  #send(message: string, fence: number, nowMs: number): void {
    const body = JSON.stringify({ message, fence });
    const key = `message:${message}:${fence}`;
    this.#book.outbox.add({ key, kind: 'message', lane: `message:${fence}`, body }, nowMs);
  }
}
