import { DurableObject } from 'cloudflare:workers';
import type { Env } from '../workers/env.ts';
import { Upkeep } from './outbox-upkeep.ts';
import { RelayPolicyStore, type RelayRequestFacts, type Route } from './relay-policy-store.ts';
import type { RelayPolicyRpc } from './rpc.ts';
import { sqlOf } from './sql.ts';

/** The allow-list of relay routes. It performs nothing outside; its outbox is empty. */
export class RelayPolicy extends DurableObject<Env> implements RelayPolicyRpc {
  readonly #store: RelayPolicyStore;
  readonly #upkeep: Upkeep<void>;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#store = new RelayPolicyStore(sqlOf(ctx.storage), () => this.#upkeep.arm());
    this.#upkeep = new Upkeep({
      storage: ctx.storage,
      db: env.DB,
      outbox: this.#store.outbox,
      projections: this.#store.projections,
      perform: async () => {},
      succeeded: () => {},
      failed: () => {},
      nextTimerAt: () => null,
      onTimers: () => {},
    });
    void ctx.blockConcurrencyWhile(() => this.#upkeep.revive());
  }

  async allows(from: string, to: string): Promise<boolean> {
    return this.#store.allows(from, to);
  }

  async ask(request: RelayRequestFacts): Promise<{ allowed: true } | { allowed: false; reason: string }> {
    const answer = this.#store.ask(request);
    this.#upkeep.start();
    return answer;
  }

  async routes(): Promise<Route[]> {
    return this.#store.routes();
  }

  async allow(from: string, to: string, by: string, at: number): Promise<void> {
    this.#store.allow(from, to, by, at);
    this.#upkeep.start();
  }

  async remove(from: string, to: string, by: string, at: number): Promise<boolean> {
    const removed = this.#store.remove(from, to, by, at);
    this.#upkeep.start();
    return removed;
  }

  override async alarm(): Promise<void> {
    this.#upkeep.onAlarm();
  }
}
