import { DurableObject } from 'cloudflare:workers';
import { type Env, runnerUrls, SettingError } from '../workers/env.ts';
import { Upkeep } from './outbox-upkeep.ts';
import type { RunPoolRpc } from './rpc.ts';
import type { PoolSettings } from './run-pool-slots.ts';
import { RunPoolStore } from './run-pool-store.ts';
import { sqlOf } from './sql.ts';
import { runStub } from './stubs.ts';

/** 15 heavy runs over all runners (row C7); light ones cost no container, only model calls. */
const HEAVY_SLOTS = 15;
const LIGHT_SLOTS = 15;

interface Lease {
  fence: number;
  runner: string | null;
}

/** The one giver of slots, leases and budgets. */
export class RunPool extends DurableObject<Env> implements RunPoolRpc {
  readonly #store: RunPoolStore;
  readonly #upkeep: Upkeep<void>;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#store = new RunPoolStore(
      sqlOf(ctx.storage),
      () => settingsOf(env),
      () => this.#upkeep.arm(),
    );
    this.#upkeep = new Upkeep({
      storage: ctx.storage,
      db: env.DB,
      outbox: this.#store.outbox,
      projections: this.#store.projections,
      perform: async ({ kind, body }) => {
        if (kind === 'lost') return runStub(env, body).poke();
        const { run, lease } = JSON.parse(body) as { run: string; lease: Lease };
        await runStub(env, run).granted(lease);
      },
      succeeded: ({ key }) => this.#store.done(key),
      failed: ({ key }, failure) => this.#store.fail(key, failure),
      nextTimerAt: () => this.#store.nextTimerAt(),
      onTimers: (nowMs) => this.#store.expire(nowMs),
    });
    void ctx.blockConcurrencyWhile(() => this.#upkeep.revive());
  }

  async lease(
    request: Parameters<RunPoolRpc['lease']>[0],
  ): Promise<Awaited<ReturnType<RunPoolRpc['lease']>>> {
    return this.#after(this.#store.lease(request, Date.now()));
  }

  async release(run: string, fence: number, spentMicroUsd: number): Promise<void> {
    return this.#after(this.#store.release(run, fence, spentMicroUsd, Date.now()));
  }

  async backOff(group: string, until: number, run: string): Promise<void> {
    return this.#after(this.#store.backOff(group, until, run, Date.now()));
  }

  async heartbeat(
    report: Parameters<RunPoolRpc['heartbeat']>[0],
  ): Promise<{ lost: string[]; stop: boolean }> {
    return this.#after(this.#store.heartbeat(report, Date.now()));
  }

  async leaseOf(run: string): Promise<{ group: string; fence: number; runner: string | null } | null> {
    return this.#store.leaseOf(run);
  }

  async rememberNonce(keyId: string, nonce: string, expiresAt: number): Promise<boolean> {
    return this.#store.rememberNonce(keyId, nonce, expiresAt, Date.now());
  }

  async stop(by: string, at: number): Promise<void> {
    return this.#after(this.#store.setStopped(true, by, at));
  }

  async resume(by: string, at: number): Promise<void> {
    return this.#after(this.#store.setStopped(false, by, at));
  }

  async status(): Promise<Awaited<ReturnType<RunPoolRpc['status']>>> {
    return this.#store.status();
  }

  async poke(): Promise<void> {
    this.#upkeep.wake();
  }

  override async alarm(): Promise<void> {
    this.#upkeep.onAlarm();
  }

  #after<T>(result: T): T {
    this.#upkeep.start();
    return result;
  }
}

function settingsOf(env: Env): PoolSettings {
  return {
    heavySlots: HEAVY_SLOTS,
    lightSlots: LIGHT_SLOTS,
    runners: runnerNames(env),
    monthlyBudgetMicroUsd: monthlyBudget(env),
  };
}

/** Runs themselves say that no runner is configured; here it only means that there is nowhere to go. */
function runnerNames(env: Env): string[] {
  try {
    return [...runnerUrls(env).keys()];
  } catch (error) {
    if (error instanceof SettingError) return [];
    throw error;
  }
}

/** `MONTHLY_BUDGET_USD`, a number of dollars; absent: no cap. */
function monthlyBudget(env: Env & { MONTHLY_BUDGET_USD?: string }): number | null {
  const dollars = Number(env.MONTHLY_BUDGET_USD);
  return Number.isFinite(dollars) && dollars > 0 ? Math.round(dollars * 1_000_000) : null;
}
