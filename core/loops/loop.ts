import type { IdType } from '../contracts/ids.ts';
import type { Effect, EffectBody } from './effects.ts';

/** One line of a journal: append-only, canonical JSON, lifted by upcasters when `v` is old. */
export interface Entry<Type extends string = string, Data = unknown> {
  seq: number;
  at: number;
  type: Type;
  v: number;
  data: Data;
}

export interface Timer {
  name: string;
  dueAt: number;
}

/** What a loop decided: facts to record and things to do. Nothing has happened yet. */
export interface Decision<Fact extends { type: string; data: unknown }> {
  facts: Fact[];
  effects: EffectBody[];
}

/** What a decision may know of the world besides its state and the event. */
export interface DecideContext {
  nowMs: number;
  /** The same name always gives the same id within an incident: ids of runs, messages, approvals. */
  id(type: IdType, name: string): string;
}

/**
 * A loop: a pure state machine. The shell records `received` (the event itself), then the facts, then an
 * `effect_requested` entry per effect, in one transaction with the outbox rows.
 */
export interface Loop<State, Event extends { type: string }, Fact extends { type: string; data: unknown }> {
  name: string;
  initial(incident: string): State;
  decide(state: State, event: Event, context: DecideContext): Decision<Fact>;
  /** Folds one fact; must not depend on today's policy. */
  evolve(state: State, fact: Fact, atMs: number): State;
  timers(state: State): Timer[];
  /** Timers that wait for agents: when one fires it is told how long everything was stopped meanwhile. */
  agentTimers?: readonly string[];
  status(state: State): string;
  /** The open or latest episode's number; 0 before the first. */
  episode(state: State): number;
}

export function effectKey(episode: number, seq: number, kind: Effect['kind']): string {
  return `${episode}:${seq}:${kind}`;
}
