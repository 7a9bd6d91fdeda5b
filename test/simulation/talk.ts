import { hasTable } from './checks.ts';
import type { ObjectState } from './objects.ts';
import type { Random } from './random.ts';
import type { World } from './world.ts';

/** The chats of the agents, as TELEGRAM_CHATS has them. */
const CHATS = {
  ryan: { chat: -1001, thread: null },
  cody: { chat: -1002, thread: 7 },
} as const;
type Group = keyof typeof CHATS;

const NOTE = /note-\d+-end/g;

/** What the operator writes to the agents, and which of it a model was given. */
export class Talk {
  readonly #world: World;
  readonly #random: Random;
  readonly #isTalkative: boolean;
  readonly #notes: string[] = [];
  readonly #read = new Set<string>();

  constructor(world: World) {
    this.#world = world;
    this.#random = world.random('talk');
    this.#isTalkative = this.#random.chance(0.5);
  }

  /** Half of the operators are silent; the others write a few lines in a row. */
  aWhile(): void {
    if (!this.#isTalkative || !this.#random.chance(0.5)) return;
    for (let n = this.#random.between(1, 3); n > 0; n--)
      this.#world.clock.after(this.#random.exponential(30_000), () => this.#write());
  }

  #write(): void {
    const group = this.#random.pick<Group>(['ryan', 'cody']);
    if (this.#random.chance(0.15)) return this.#say(group, '/cancel');
    const note = `note-${this.#notes.length + 1}-end`;
    this.#notes.push(note);
    this.#say(group, this.#random.chance(0.3) ? `/task ${note}` : note);
  }

  #say(group: Group, text: string): void {
    this.#world.telegram.say(text, CHATS[group]);
  }

  /** A model is given this. */
  reads(text: string): void {
    for (const [note] of text.matchAll(NOTE)) this.#read.add(note);
  }

  /** Each note came to an end that one can see, and none counts as read, or done, that no model was given. */
  check(): void {
    const rows = this.#world.objects
      .of('GROUP_QUEUE')
      .filter((queue) => hasTable(queue, 'messages'))
      .flatMap((queue) => queue.rows('SELECT id, text, state, steers FROM messages WHERE reply IS NOT NULL'));
    for (const note of this.#notes) {
      const row = rows.find(({ text }) => text === note);
      if (!row && !this.#isDead(note)) this.#world.violate(`${note} of the operator is lost`);
      if (row?.state === 'steering') this.#world.violate(`${row.id} is on its way to a run for ever`);
      if (row?.state === 'done' && !this.#read.has(note))
        this.#world.violate(`${row.id} counts as done, and no model was given it`);
    }
  }

  #isDead(note: string): boolean {
    const holds = (inbox: ObjectState): boolean =>
      hasTable(inbox, 'events') &&
      inbox.rows(`SELECT 1 FROM events WHERE status = 'dead' AND payload LIKE ?`, `%${note}%`).length > 0;
    return this.#world.objects.of('INBOX').some(holds);
  }
}
