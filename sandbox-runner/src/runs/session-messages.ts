import { type SessionMessage, sessionMessagesText } from '../../../core/text/session-message.ts';

/**
 * Messages on their way to the model of one session. What is handed to the agent program counts as given once a
 * model call begins after it; until then a restarted runner hands it out again, under the same id.
 */
export class SessionMessages {
  readonly #known = new Set<string>();
  #waiting: SessionMessage[] = [];
  #handed: string[] = [];

  /** `given`: what an earlier process of this runner saw given to the model. */
  constructor(kept: readonly SessionMessage[], given: Iterable<string>) {
    for (const id of given) this.#known.add(id);
    for (const message of kept) this.add(message);
  }

  add(message: SessionMessage): void {
    if (this.#known.has(message.id)) return;
    this.#known.add(message.id);
    this.#waiting.push(message);
  }

  has(id: string): boolean {
    return this.#known.has(id);
  }

  get isWaiting(): boolean {
    return this.#waiting.length > 0;
  }

  /** All that waits, for the model; null: nothing does. */
  take(): string | null {
    if (!this.isWaiting) return null;
    const taken = this.#waiting;
    this.#waiting = [];
    this.#handed.push(...taken.map(({ id }) => id));
    return sessionMessagesText(taken);
  }

  /** A model call begins: ids of what it is given. */
  callBegins(): string[] {
    const given = this.#handed;
    this.#handed = [];
    return given;
  }
}
