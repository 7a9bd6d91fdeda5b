import { DurableObject } from 'cloudflare:workers';
import { MAX_HOPS, type RelayRefusalCode } from '../../core/relay/decide-relay.ts';
import { html } from '../../core/text/plain.ts';
import { type Env, SettingError, telegramChats } from '../../workers/env.ts';
import type { RelayAnswer, RelayPolicyRpc } from '../rpc.ts';
import type { BackupAnswer, BackupOrder } from '../shared/backup.ts';
import type { OutboxItem } from '../shared/outbox.ts';
import { Upkeep } from '../shared/outbox-upkeep.ts';
import { sqlOf } from '../shared/sql.ts';
import { telegramStub } from '../stubs.ts';
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
export class RelayPolicy extends DurableObject<Env> implements RelayPolicyRpc {
  readonly #store: RelayPolicyStore;
  readonly #upkeep: Upkeep<void>;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#store = new RelayPolicyStore(sqlOf(ctx.storage), () => this.#upkeep.arm());
    this.#upkeep = new Upkeep({
      backup: { ctx, bucket: env.ARTIFACTS, objectType: 'relay_policy' },
      db: env.DB,
      outbox: this.#store.outbox,
      projections: this.#store.projections,
      perform: (item) => this.#tellOperator(item),
      succeeded: ({ key }) => this.#store.done(key),
      failed: ({ key }, failure) => this.#store.fail(key, failure),
      nextTimerAt: () => null,
      onTimers: () => {},
    });
    void ctx.blockConcurrencyWhile(() => this.#upkeep.revive());
  }

  async allows(from: string, to: string): Promise<boolean> {
    return this.#store.allows(from, to);
  }

  async ask(request: RelayRequestFacts): Promise<RelayAnswer> {
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

  async retryEffect(key: string): Promise<boolean> {
    const revived = this.#store.retry(key, Date.now());
    this.#upkeep.start();
    return revived;
  }

  async backup(order: BackupOrder): Promise<BackupAnswer> {
    return this.#upkeep.backup(order);
  }

  override async alarm(): Promise<void> {
    this.#upkeep.onAlarm();
  }

  /** A safety alert (row B5), once per cut. */
  async #tellOperator({ key, body }: OutboxItem): Promise<void> {
    const operator = telegramChats(this.env).get('operator');
    if (!operator)
      throw new SettingError('OPERATOR_TELEGRAM_ID', 'is not set, so the operator cannot be told; set it');
    const { from, to, code, run, incident } = JSON.parse(body) as Cut;
    const where = incident === null ? '' : `, incident <code>${html(incident)}</code>`;
    await telegramStub(this.env).send({
      key: `relay-policy:${key}`,
      ...operator,
      html: `⚠️ <b>Safety alert</b> (agents in a loop): ${html(from)} → ${html(to)} ${WHAT_WAS_CUT[code]}; the message was refused.\nrun <code>${html(run)}</code>${where}`,
      buttons: [],
      at: Date.now(),
    });
  }
}
