import type { Answer, Asked, Service } from './network.ts';
import type { Random } from './random.ts';
import type { World } from './world.ts';

export const OPERATOR = 4711;
/** The operator's own chat. */
const HERE = { chat: OPERATOR, thread: null };

interface Sent {
  id: number;
  chat: string;
  text: string;
  at: number;
  buttons: string[];
}

const REPEATED = '\n<i>(sent again: the first may have arrived too)</i>';
export const withoutRemark = (text: string): string => text.replace(REPEATED, '');

/** Telegram, and the operator who reads it. */
export class Telegram implements Service {
  readonly #world: World;
  readonly #random: Random;
  readonly sent: Sent[] = [];
  /** Messages that arrived while their sender did not hear of it, by chat and text. */
  readonly unheardOf = new Map<string, number>();
  /** Messages that the network, not their sender, brought twice. */
  readonly doubled = new Map<string, number>();
  #lastUpdate = 0;

  constructor(world: World) {
    this.#world = world;
    this.#random = world.random('telegram');
  }

  trouble = (): number => this.#world.faults().telegram;
  latencyMs = (): number => this.#random.between(40, 400);

  failure(): Answer {
    return this.#random.chance(0.5)
      ? { status: 500, body: { ok: false, error_code: 500, description: 'Internal Server Error' } }
      : {
          status: 429,
          body: {
            ok: false,
            error_code: 429,
            description: 'Too Many Requests',
            parameters: { retry_after: this.#random.between(1, 30) },
          },
        };
  }

  perform(asked: Asked): Answer {
    const method = asked.path.split('/').at(-1);
    const body = (asked.body ?? {}) as {
      chat_id: string;
      text: string;
      message_id: number;
      reply_markup?: { inline_keyboard: { callback_data: string }[][] };
    };
    if (method === 'sendMessage') return this.#send(body);
    if (method === 'answerCallbackQuery') return { status: 200, body: { ok: true, result: true } };
    const message = this.sent.find(({ id }) => id === body.message_id);
    if (!message) return refused('message to edit not found');
    message.buttons = [];
    return { status: 200, body: { ok: true, result: { message_id: message.id } } };
  }

  unheard(asked: Asked): void {
    count(this.unheardOf, asked);
  }

  twice(asked: Asked): void {
    count(this.doubled, asked);
  }

  #send(body: {
    chat_id: string;
    text: string;
    reply_markup?: { inline_keyboard: { callback_data: string }[][] };
  }): Answer {
    const chat = String(body.chat_id);
    if (body.text.length > 4_096) this.#world.violate('a message is longer than 4,096 characters');
    const buttons = (body.reply_markup?.inline_keyboard ?? []).flat().map((button) => button.callback_data);
    const message = { id: this.sent.length + 1, chat, text: body.text, at: this.#world.clock.now, buttons };
    this.sent.push(message);
    this.#world.trace(`telegram ${chat}: ${body.text.split('\n')[0]?.slice(0, 90)}`);
    if (chat === String(OPERATOR) && buttons.length > 0) this.#decide(buttons);
    return { status: 200, body: { ok: true, result: { message_id: message.id } } };
  }

  // -- the operator

  #decide([approve, deny]: string[]): void {
    const odd = this.#world.faults().operator;
    if (this.#random.chance(odd * 0.3)) return;
    const isLate = this.#random.chance(odd * 0.4);
    const delay = isLate ? this.#random.exponential(20 * 3_600_000) : this.#random.between(5_000, 900_000);
    const verdict = this.#random.chance(0.1 + odd * 0.3) ? deny : approve;
    this.press(verdict ?? '', delay);
    if (this.#random.chance(odd)) this.press(verdict ?? '', delay + this.#random.between(0, 60_000));
    if (this.#random.chance(odd * 0.5)) this.press(deny ?? '', delay + this.#random.between(0, 600_000));
  }

  press(data: string, delay: number): void {
    this.#world.pressed.push(data);
    this.#world.clock.after(delay, () => {
      const id = String(this.#random.between(1, 1e9));
      this.#update({ callback_query: { id, from: { id: OPERATOR, first_name: 'Olga' }, data } });
    });
  }

  say(text: string, { chat, thread }: { chat: number; thread: number | null } = HERE): void {
    const topic = thread === null ? {} : { message_thread_id: thread, is_topic_message: true };
    this.#update({
      message: {
        message_id: this.#random.between(1, 1e9),
        chat: { id: chat },
        ...topic,
        from: { id: OPERATOR, first_name: 'Olga' },
        text,
      },
    });
  }

  #update(update: object): void {
    const body = JSON.stringify({ update_id: ++this.#lastUpdate, ...update });
    this.#deliver(body);
    if (this.#random.chance(this.#world.faults().hooks))
      this.#world.clock.after(this.#random.exponential(60_000), () => this.#deliver(body));
  }

  /** Telegram tries again for as long as it takes. */
  #deliver(body: string): void {
    this.#world
      .ask('POST', '/hooks/telegram', body, { 'x-telegram-bot-api-secret-token': 'telegram-secret' })
      .then((status) => {
        if (status !== 200)
          this.#world.clock.after(this.#random.between(2_000, 60_000), () => this.#deliver(body));
      });
  }
}

function count(messages: Map<string, number>, { path, body }: Asked): void {
  if (!path.endsWith('/sendMessage')) return;
  const { chat_id: chat, text } = body as { chat_id: string; text: string };
  const name = `${chat} ${withoutRemark(text)}`;
  messages.set(name, (messages.get(name) ?? 0) + 1);
}

const refused = (description: string): Answer => ({
  status: 400,
  body: { ok: false, error_code: 400, description: `Bad Request: ${description}` },
});
