import { randomBytes } from 'node:crypto';
import { type Engine, statusOf } from './docker.ts';
import { createNetwork, type RunNetwork, removeNetwork } from './docker-networks.ts';

/** After a start, so that making the next network does not slow that start down. */
const REFILL_AFTER_MS = 3_000;

/**
 * Networks for runs, each for one run. One is made in advance, since making it takes about as long as making the
 * container; the firewall keeps it shut until a run gets it.
 */
export class NetworkPool {
  readonly #engine: Engine;
  readonly #runner: string;
  readonly #log: (line: string) => void;
  readonly #held = new Set<string>();
  #spare: RunNetwork | null = null;
  #timer: NodeJS.Timeout | null = null;
  #making: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(engine: Engine, runner: string, log: (line: string) => void) {
    this.#engine = engine;
    this.#runner = runner;
    this.#log = log;
  }

  /** Names that are in use by this process; all others of this runner are left-overs. */
  holds(name: string): boolean {
    return this.#held.has(name);
  }

  /** A network that an earlier process made and a living run of it uses. */
  adopt({ name }: RunNetwork): void {
    this.#held.add(name);
  }

  async take(): Promise<RunNetwork> {
    const spare = this.#spare;
    this.#spare = null;
    this.refill(REFILL_AFTER_MS);
    if (spare !== null && (await this.#exists(spare))) return spare;
    return this.#make();
  }

  async release({ id, name }: RunNetwork): Promise<void> {
    // What cannot be removed now is a left-over, for whoever reaps.
    this.#held.delete(name);
    await removeNetwork(this.#engine, id);
  }

  refill(afterMs: number): void {
    if (this.#closed || this.#timer !== null) return;
    this.#timer = setTimeout(() => {
      this.#timer = null;
      this.#making = this.#prepare();
    }, afterMs);
    this.#timer.unref();
  }

  async close(): Promise<void> {
    this.#closed = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    await this.#making;
    const spare = this.#spare;
    this.#spare = null;
    if (spare !== null) await this.release(spare).catch(() => undefined);
  }

  async #prepare(): Promise<void> {
    if (this.#closed || this.#spare !== null) return;
    try {
      this.#spare = await this.#make();
    } catch (error) {
      // A start without a spare makes its own, and says what is wrong.
      this.#log(`no network could be made in advance: ${String(error)}`);
    }
  }

  async #make(): Promise<RunNetwork> {
    const name = `dogwatch-${randomBytes(6).toString('hex')}`;
    this.#held.add(name);
    try {
      return await createNetwork(this.#engine, name, { 'dogwatch.runner': this.#runner });
    } catch (error) {
      this.#held.delete(name);
      throw error;
    }
  }

  /** Whoever tidies the engine up (`docker system prune`) takes unused networks away. */
  async #exists({ id, name }: RunNetwork): Promise<boolean> {
    try {
      await this.#engine.getNetwork(id).inspect();
      return true;
    } catch (error) {
      if (statusOf(error) !== 404) throw error;
      this.#held.delete(name);
      return false;
    }
  }
}
