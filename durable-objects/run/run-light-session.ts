import { sessionMessagesText } from '../../core/text/session-message.ts';
import type { Env } from '../../workers/env.ts';
import type { Upkeep } from '../shared/upkeep.ts';
import { BUDGET_SPENT, type LightDeps, runLight } from './run-light.ts';
import { withTexts } from './run-prompt.ts';
import { requireMember } from './run-request.ts';
import type { RunStore } from './run-store.ts';

export interface LightSessionDeps {
  env: Env;
  store: RunStore;
  upkeep: Pick<Upkeep<void>, 'start' | 'wake'>;
}

/** The session of a light run: beside everything else in its object, awaited by nothing, and lost with the isolate. */
export class LightSession {
  readonly #deps: LightSessionDeps;
  #controller: AbortController | null = null;

  constructor(deps: LightSessionDeps) {
    this.#deps = deps;
  }

  get isGoing(): boolean {
    return this.#controller !== null;
  }

  begin(): void {
    const { env, store, upkeep } = this.#deps;
    store.beginTry(Date.now());
    const { record } = store;
    if (record === null) return;
    const controller = new AbortController();
    this.#controller = controller;
    void withTexts(env, record.spec)
      .then((spec) =>
        runLight(env, { ...record, spec }, requireMember(spec.group), this.#lightDeps(controller)),
      )
      .then((end) => {
        if (this.#controller === controller) store.end(end, Date.now(), false);
      })
      .catch((error) => console.error('light run', error))
      .finally(() => {
        if (this.#controller === controller) this.#controller = null;
        upkeep.wake();
      });
  }

  /** Its model call is broken off; how the run ended is the caller's to say. */
  abort(): void {
    this.#controller?.abort();
  }

  /** As `abort`; whatever it comes to counts no more. */
  drop(): void {
    const controller = this.#controller;
    this.#controller = null;
    controller?.abort();
  }

  #lightDeps(controller: AbortController): LightDeps {
    const { store, upkeep } = this.#deps;
    return {
      signal: controller.signal,
      onUsage: (usage) => {
        store.addUsage(usage, Date.now());
        const { budgetMicroUsd: budget = null, costMicroUsd = 0 } = store.record ?? {};
        // An answer that is there is kept; no further one is asked for.
        if (budget !== null && costMicroUsd >= budget) controller.abort(BUDGET_SPENT);
        upkeep.start();
      },
      onToolCall: (call) => store.toolCalled(call, Date.now()),
      newMessages: this.#newMessages(),
      dispatch: (child) => store.dispatch(child, Date.now()),
      leftMicroUsd: () => {
        const { budgetMicroUsd: budget = null, costMicroUsd = 0 } = store.record ?? {};
        return budget === null ? null : budget - costMicroUsd;
      },
    };
  }

  /** Each message once in this try. */
  #newMessages(): LightDeps['newMessages'] {
    const { store } = this.#deps;
    let taken = 0;
    return () => {
      const said = store.messages.all().slice(taken);
      taken += said.length;
      if (said.length === 0) return null;
      const ids = said.map(({ id }) => id);
      return { text: sessionMessagesText(said), given: () => store.given(ids, Date.now()) };
    };
  }
}
