import { decideSteering } from '../../core/queue/turns.ts';
import type { Outbox } from '../shared/outbox.ts';
import type { GroupMessages } from './group-queue-messages.ts';
import type { MessageRow } from './group-queue-rows.ts';

/**
 * Messages for the run of an active turn. Each is with its turn until the run says that its model was given it: a
 * turn that goes on with another run takes its messages along, and what a turn leaves behind unread becomes a
 * message of its own.
 */
export class Steering {
  readonly #messages: GroupMessages;
  readonly #outbox: Outbox;

  constructor(messages: GroupMessages, outbox: Outbox) {
    this.#messages = messages;
    this.#outbox = outbox;
  }

  /** The turn that a message of this thread joins; null: none. `about`: the key of what it is a reply to. */
  turnFor(thread: string, about: string | null): string | null {
    const rows = this.#messages.active().filter(({ canceled_by }) => canceled_by === null);
    const active = rows.map((row) => ({
      id: row.id,
      thread: row.thread,
      grantedAt: row.granted_at ?? row.at,
    }));
    const answered = about === null ? null : this.#turnOf(about, rows);
    return decideSteering(thread, active, this.#messages.isThreadWaiting(thread), answered);
  }

  /** Which of these turns something that was sent to the chat belongs to: a message, or a notice of one. */
  #turnOf(key: string, active: readonly MessageRow[]): string | null {
    const sent = this.#messages.row(/^tell:(.+):\w+:\d+$/.exec(key)?.[1] ?? key);
    if (sent === null) return null;
    const { id, steers, incident } = sent;
    const turn = active.find(
      (row) => row.id === id || row.id === steers || (incident !== null && row.incident === incident),
    );
    return turn?.id ?? null;
  }

  join(id: string, turn: string, nowMs: number): void {
    this.#messages.set(id, { steers: turn });
    const run = this.#messages.row(turn)?.run ?? null;
    if (run !== null) this.#passOn(id, run, nowMs);
  }

  runBegins(incident: string, run: string, nowMs: number): void {
    const turn = this.#messages.active().find((row) => row.incident === incident);
    if (!turn || turn.run === run) return;
    this.#messages.set(turn.id, { run });
    for (const { id } of this.#messages.passedOn(turn.id)) {
      this.#messages.set(id, { state: 'steering', seen_at: null, ended_at: null });
      this.#passOn(id, run, nowMs);
    }
  }

  seen(id: string, run: string, nowMs: number): void {
    const row = this.#messages.row(id);
    if (row?.state !== 'steering' || this.#runOf(row) !== run) return;
    this.#messages.set(id, { state: 'done', seen_at: nowMs, ended_at: nowMs });
  }

  /** Whether a run has it, or may have it. */
  isWithRun(row: MessageRow): boolean {
    const run = this.#runOf(row);
    return run !== null && (this.#outbox.get(steerKey(row.id, run))?.tries ?? 0) > 0;
  }

  /** The turn is over: what stays unread. */
  leftBy(turn: string): MessageRow[] {
    return this.#messages.passedOn(turn).filter(({ state }) => state === 'steering');
  }

  #runOf({ steers }: MessageRow): string | null {
    return steers === null ? null : (this.#messages.row(steers)?.run ?? null);
  }

  #passOn(id: string, run: string, nowMs: number): void {
    const body = JSON.stringify({ id, run });
    this.#outbox.add({ key: steerKey(id, run), kind: 'steer', lane: `steer:${run}`, body }, nowMs);
  }
}

const steerKey = (id: string, run: string): string => `steer:${id}:${run}`;
