import { html } from '../../core/text/plain.ts';
import {
  budgetCaps,
  configuredRunners,
  type Env,
  maxConcurrentRuns,
  SettingError,
} from '../../workers/env.ts';
import { mustTellOperator, safetyAlert } from '../../workers/tell-operator.ts';
import { memberOf } from '../run/run-request.ts';
import { KeptObject } from '../shared/kept-object.ts';
import { sqlOf } from '../shared/sql.ts';
import { Upkeep } from '../shared/upkeep.ts';
import { runStub } from '../stubs.ts';
import type { RunPoolRpc } from './run-pool-rpc.ts';
import type { PoolStatus } from './run-pool-status.ts';
import { type PoolSettings, RunPoolStore } from './run-pool-store.ts';

/** Light runs cost no container, only model calls. */
const LIGHT_SLOTS = 15;

interface Lease {
  fence: number;
  runner: string | null;
}

/** The one giver of slots, leases and budgets. */
export class RunPool extends KeptObject implements RunPoolRpc {
  readonly #store: RunPoolStore;
  protected override readonly upkeep: Upkeep<void>;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#store = new RunPoolStore(
      sqlOf(ctx.storage),
      () => settingsOf(env),
      () => this.upkeep.arm(),
    );
    this.upkeep = new Upkeep({
      ctx,
      env,
      objectType: 'run_pool',
      store: this.#store,
      perform: async ({ key, kind, body }) => {
        switch (kind) {
          case 'lost':
            return runStub(env, body).poke();
          case 'granted': {
            const { run, lease } = JSON.parse(body) as { run: string; lease: Lease };
            return runStub(env, run).granted(lease);
          }
          case 'halt': {
            const { run, fence } = JSON.parse(body) as { run: string; fence: number };
            const isHeld = this.#store.leaseOf(run)?.fence === fence;
            if (isHeld && this.#store.stops.isStopped) await runStub(env, run).halt(fence);
            return;
          }
          case 'over_budget': {
            const { run, detail } = JSON.parse(body) as { run: string; detail: string };
            return runStub(env, run).endForBudget(detail);
          }
          case 'alert':
            return alertOperator(env, key, JSON.parse(body) as { about?: string; text: string });
        }
      },
      succeeded: ({ key }) => this.#store.done(key),
      failed: ({ key }, failure) => this.#store.fail(key, failure),
      nextTimerAt: () => this.#store.nextTimerAt(Date.now()),
      onTimers: (nowMs) => this.#store.expire(nowMs),
    });
    this.upkeep.revive();
  }

  async lease(
    request: Parameters<RunPoolRpc['lease']>[0],
  ): Promise<Awaited<ReturnType<RunPoolRpc['lease']>>> {
    return this.upkeep.startAfter(this.#store.lease(request, Date.now()));
  }

  async admitDispatch(task: Parameters<RunPoolRpc['admitDispatch']>[0]): Promise<number | null> {
    return this.upkeep.startAfter(this.#store.admitDispatch(task, Date.now()));
  }

  async withdrawDispatch(incident: string): Promise<void> {
    return this.upkeep.startAfter(this.#store.withdrawDispatch(incident, Date.now()));
  }

  async release(run: string, fence: number | null, spent: Record<string, number>): Promise<void> {
    return this.upkeep.startAfter(this.#store.release(run, fence, spent, Date.now()));
  }

  async spent(run: string, spent: Record<string, number>): Promise<void> {
    return this.upkeep.startAfter(this.#store.spent(run, spent, Date.now()));
  }

  async backOff(group: string, until: number, run: string): Promise<void> {
    return this.upkeep.startAfter(this.#store.backOff(group, until, run, Date.now()));
  }

  async heartbeat(
    report: Parameters<RunPoolRpc['heartbeat']>[0],
  ): Promise<{ lost: string[]; stop: boolean }> {
    return this.upkeep.startAfter(this.#store.heartbeat(report, Date.now()));
  }

  async leaseOf(run: string): Promise<{ group: string; fence: number; runner: string | null } | null> {
    return this.#store.leaseOf(run);
  }

  async rememberNonce(keyId: string, nonce: string, expiresAt: number): Promise<boolean> {
    return this.#store.rememberNonce(keyId, nonce, expiresAt, Date.now());
  }

  async stop(by: string, at: number): Promise<{ run: string; fence: number }[]> {
    const held = this.upkeep.startAfter(this.#store.setStopped(true, by, at));
    return held.map(({ run, fence }) => ({ run, fence }));
  }

  async resume(by: string, at: number): Promise<void> {
    this.upkeep.startAfter(this.#store.setStopped(false, by, at));
  }

  async stoppedMs(sinceMs: number): Promise<number> {
    return this.#store.stops.stoppedMs(sinceMs, Date.now());
  }

  async drain(runners: string[], drained: boolean, by: string): Promise<void> {
    return this.upkeep.startAfter(this.#store.setDrained(runners, drained, by, Date.now()));
  }

  async override(on: boolean, by: string): Promise<number | null> {
    return this.upkeep.startAfter(this.#store.setOverride(on, by, Date.now()));
  }

  async retryEffect(key: string): Promise<boolean> {
    return this.upkeep.startAfter(this.#store.retry(key, Date.now()));
  }

  async status(): Promise<PoolStatus> {
    return this.#store.status(Date.now());
  }
}

async function alertOperator(
  env: Env,
  key: string,
  { about = 'budget', text }: { about?: string; text: string },
): Promise<void> {
  const alert = safetyAlert(html(about), html(text, 1_000));
  await mustTellOperator(env, { key, html: alert, at: Date.now() });
}

function settingsOf(env: Env): PoolSettings {
  return {
    slots: { heavy: heavySlots(env), light: LIGHT_SLOTS },
    runners: configuredRunners(env),
    caps: capsOf(env),
    maxConcurrentOf: (group) => memberOf(group)?.agent.limits.maxConcurrentRuns ?? 1,
  };
}

/** What cannot be read is told with the settings, and begins nothing. */
function heavySlots(env: Env): number {
  try {
    return maxConcurrentRuns(env);
  } catch (error) {
    if (error instanceof SettingError) return 0;
    throw error;
  }
}

/** A cap that cannot be read is no reason to spend without one. */
function capsOf(env: Env): PoolSettings['caps'] {
  try {
    return budgetCaps(env);
  } catch (error) {
    if (error instanceof SettingError) return { problem: error.message };
    throw error;
  }
}
