import { MAX_HOPS, type RelayRefusalCode } from '../../core/relay/decide-relay.ts';
import { html } from '../../core/text/plain.ts';
import type { Env } from '../../workers/env.ts';
import { mustTellOperator, safetyAlert } from '../../workers/tell-operator.ts';
import { KeptObject } from '../shared/kept-object.ts';
import type { OutboxItem } from '../shared/outbox.ts';
import { sqlOf } from '../shared/sql.ts';
import { Upkeep } from '../shared/upkeep.ts';
import type { RelayAnswer, RelayPolicyRpc } from './relay-policy-rpc.ts';
import { RelayPolicyStore, type RelayRequestFacts, type Route } from './relay-policy-store.ts';

interface Cut {
  from: string;
  to: string;
  code: RelayRefusalCode;
  run: string;
  incident: string | null;
}

const WHAT_WAS_CUT: Record<RelayRefusalCode, string> = {
  route_not_allowed: 'has no route',
  relay_loop_hops: `went to and fro ${MAX_HOPS} times`,
  relay_loop_repeated: 'repeated itself within 10 minutes',
};

/** The allow-list of relay routes, and the end of conversations that go round in circles. */
export class RelayPolicy extends KeptObject implements RelayPolicyRpc {
  readonly #store: RelayPolicyStore;
  protected override readonly upkeep: Upkeep<void>;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#store = new RelayPolicyStore(sqlOf(ctx.storage), () => this.upkeep.arm());
    this.upkeep = new Upkeep({
      ctx,
      env,
      objectType: 'relay_policy',
      store: this.#store,
      perform: (item) => this.#tellOperator(item),
      succeeded: ({ key }) => this.#store.done(key),
      failed: ({ key }, failure) => this.#store.fail(key, failure),
    });
    this.upkeep.revive();
  }

  async allows(from: string, to: string): Promise<boolean> {
    return this.#store.allows(from, to);
  }

  async ask(request: RelayRequestFacts): Promise<RelayAnswer> {
    return this.upkeep.startAfter(this.#store.ask(request));
  }

  async routes(): Promise<Route[]> {
    return this.#store.routes();
  }

  async allow(from: string, to: string, by: string, at: number): Promise<void> {
    this.upkeep.startAfter(this.#store.allow(from, to, by, at));
  }

  async remove(from: string, to: string, by: string, at: number): Promise<boolean> {
    return this.upkeep.startAfter(this.#store.remove(from, to, by, at));
  }

  async retryEffect(key: string): Promise<boolean> {
    return this.upkeep.startAfter(this.#store.retry(key, Date.now()));
  }

  /** Once per cut. */
  async #tellOperator({ key, body }: OutboxItem): Promise<void> {
    const { from, to, code, run, incident } = JSON.parse(body) as Cut;
    const where = incident === null ? '' : `, incident <code>${html(incident)}</code>`;
    const text = `${html(from)} → ${html(to)} ${WHAT_WAS_CUT[code]}; the message was refused.\nrun <code>${html(run)}</code>${where}`;
    await mustTellOperator(this.env, {
      key: `relay-policy:${key}`,
      html: safetyAlert('agents in a loop', text),
      at: Date.now(),
    });
  }
}
