import type { CrewManifest } from '../../core/contracts/agent.ts';
import {
  BUILT_IN_SCHEDULES,
  crewDefinition,
  type ScheduleDefinition,
} from '../../core/schedules/definition.ts';
import manifest from '../../crew/manifest.json';
import type { Env } from '../../workers/env.ts';
import { acceptEvent } from '../../workers/routing/accept.ts';
import { KeptObject } from '../shared/kept-object.ts';
import type { OutboxItem } from '../shared/outbox.ts';
import { sqlOf } from '../shared/sql.ts';
import { Upkeep } from '../shared/upkeep.ts';
import { deliveryOf } from './scheduler-firings.ts';
import type { Firing, ScheduleView } from './scheduler-rows.ts';
import type {
  FireAnswer,
  FireRequest,
  FiringOutcome,
  FiringWork,
  HandOver,
  SchedulerRpc,
  ScheduleToken,
} from './scheduler-rpc.ts';
import { type Deployed, SchedulerStore } from './scheduler-store.ts';

/** What the deploy brings: the built-in schedules and those in the crew’s files. */
export function deployedSchedules(): Deployed[] {
  const { agents } = manifest as CrewManifest;
  return [
    ...BUILT_IN_SCHEDULES.map((definition) => ({ source: 'built-in' as const, definition })),
    ...Object.entries(agents).flatMap(([group, { schedules }]) =>
      schedules.map((schedule) => ({
        source: 'crew' as const,
        definition: crewDefinition(group, schedule),
      })),
    ),
  ];
}

/** The one clock of the crew: claims each due time, and hands it to the Inbox as an event like any other. */
export class Scheduler extends KeptObject implements SchedulerRpc {
  readonly #store: SchedulerStore;
  protected override readonly upkeep: Upkeep<void>;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#store = new SchedulerStore(sqlOf(ctx.storage), () => this.upkeep.arm());
    this.upkeep = new Upkeep({
      ctx,
      env,
      objectType: 'scheduler',
      store: this.#store,
      perform: (item) => this.#handOn(item),
      succeeded: ({ key }) => this.#store.handedOn(key),
      failed: ({ key }, failure) => this.#store.fail(key, failure),
      nextTimerAt: () => this.#store.nextTimerAt(),
      onTimers: (nowMs) => this.#store.claimDue(nowMs),
    });
    this.#store.adopt(deployedSchedules(), Date.now());
    this.upkeep.revive();
  }

  async list(): Promise<ScheduleView[]> {
    return this.#store.list(Date.now());
  }

  async view(id: string): Promise<{ schedule: ScheduleView; firings: Firing[] } | null> {
    return this.#store.view(id, Date.now());
  }

  async put(
    definition: ScheduleDefinition,
    by: string,
  ): Promise<'created' | 'changed' | 'unchanged' | 'not_yours'> {
    return this.upkeep.startAfter(this.#store.put(definition, by, Date.now()));
  }

  async remove(id: string, by: string): Promise<'removed' | 'unknown' | 'not_yours'> {
    return this.upkeep.startAfter(this.#store.remove(id, by, Date.now()));
  }

  async setPaused(id: string, paused: boolean, by: string): Promise<boolean> {
    return this.upkeep.startAfter(this.#store.setPaused(id, paused, by, Date.now()));
  }

  async setToken(id: string, token: ScheduleToken, by: string): Promise<boolean> {
    return this.upkeep.startAfter(this.#store.setToken(id, token, by, Date.now()));
  }

  async tokenOf(id: string): Promise<ScheduleToken | null> {
    return this.#store.tokenOf(id);
  }

  async fire(request: FireRequest): Promise<FireAnswer> {
    return this.upkeep.startAfter(this.#store.fire(request, Date.now()));
  }

  async work(piece: HandOver): Promise<FiringWork | null> {
    return this.#store.work(piece);
  }

  async settle(piece: HandOver, outcome: FiringOutcome, memory: unknown): Promise<void> {
    return this.upkeep.startAfter(this.#store.settle(piece, outcome, memory, Date.now()));
  }

  async ended(incident: string, outcome: FiringOutcome): Promise<void> {
    return this.upkeep.startAfter(this.#store.ended(incident, outcome, Date.now()));
  }

  async redact(text: string): Promise<void> {
    this.upkeep.rewriteBackup();
    this.upkeep.startAfter(this.#store.redact(text));
  }

  async retry(key: string): Promise<boolean> {
    return this.upkeep.startAfter(this.#store.retry(key, 'operator', Date.now()));
  }

  async #handOn({ body }: OutboxItem): Promise<void> {
    const piece = JSON.parse(body) as HandOver;
    await acceptEvent(this.env, {
      source: 'schedule',
      delivery: deliveryOf(piece),
      type: 'schedule.due',
      receivedAt: Date.now(),
      payload: { kind: 'scheduled', ...piece },
      refusedBecause: null,
      body: null,
    });
  }
}
