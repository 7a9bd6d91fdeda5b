import type { EffectBody } from './effects.ts';
import type { DecideContext, Timer } from './loop.ts';

/** Facts that every loop records. */
export type CommonFact<Status> =
  | { type: 'status_changed'; data: { status: Status; timer: Timer | null } }
  | { type: 'event_ignored'; data: { event: string; reason: string } };

/**
 * A decision being put together. Each recorded fact is folded at once, so that what follows (a text, a next
 * step) sees the state that it leaves behind.
 */
export class DecisionDraft<State, Fact, Status, Wait extends string> {
  state: State;
  readonly context: DecideContext;
  readonly facts: (Fact | CommonFact<Status>)[] = [];
  readonly effects: EffectBody[] = [];
  readonly #evolve: (state: State, fact: Fact | CommonFact<Status>, atMs: number) => State;
  readonly #waitMs: Readonly<Record<Wait, number>>;

  constructor(
    state: State,
    context: DecideContext,
    evolve: (state: State, fact: Fact | CommonFact<Status>, atMs: number) => State,
    waitMs: Readonly<Record<Wait, number>>,
  ) {
    this.state = state;
    this.context = context;
    this.#evolve = evolve;
    this.#waitMs = waitMs;
  }

  record(fact: Fact | CommonFact<Status>): void {
    this.facts.push(fact);
    this.state = this.#evolve(this.state, fact, this.context.nowMs);
  }

  ignore(event: string, reason: string): void {
    this.record({ type: 'event_ignored', data: { event, reason } });
  }

  /** `wait`: how long this status may last; null: for ever. */
  enter(status: Status, wait: Wait | null): void {
    const timer = wait === null ? null : { name: wait, dueAt: this.context.nowMs + this.#waitMs[wait] };
    this.record({ type: 'status_changed', data: { status, timer } });
  }

  request(...effects: EffectBody[]): void {
    this.effects.push(...effects);
  }
}
