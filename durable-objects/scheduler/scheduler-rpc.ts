import type { ScheduleDefinition, ScheduledTask } from '../../core/schedules/definition.ts';
import type { KeptRpc } from '../shared/kept-rpc.ts';
import type { Firing, ScheduleView } from './scheduler-rows.ts';

/** A piece of a firing on its way: long ones are done in several. */
export interface HandOver {
  firing: string;
  part: number;
}

export interface FiringWork {
  schedule: string;
  group: string | null;
  cause: 'due' | 'run' | 'fire';
  dueAt: number | null;
  task: ScheduledTask;
  /** What came with it from outside. */
  text: string | null;
  /** What the task wanted to know this time; null: nothing yet. */
  memory: unknown;
}

/** How a piece of a firing ended. `more`: the same task goes on. `going`: an incident took it over. */
export type FiringOutcome =
  | { kind: 'nothing' | 'done' | 'failed' | 'more'; note: string }
  | { kind: 'going'; target: string };

/** `hash` is the SHA-256 of salt and token, in hex. The token itself is kept nowhere. */
export interface ScheduleToken {
  salt: string;
  hash: string;
}

export interface FireRequest {
  schedule: string;
  /** The same key is the same firing. */
  key: string;
  cause: 'run' | 'fire';
  text: string | null;
  by: string;
}

/**
 * `duplicate`, `conflict`: the key came before, with this text or another. `skipped`: claimed, and by the
 * schedule’s setting not done.
 */
export type FireAnswer =
  | { status: 'unknown' | 'inactive' | 'paused' }
  | { status: 'duplicate' | 'conflict'; firing: string }
  | { status: 'going' | 'waiting' | 'skipped'; firing: string; note: string | null };

export interface SchedulerRpc extends KeptRpc {
  list(): Promise<ScheduleView[]>;
  /** With its newest firings; null: there is no such schedule. */
  view(id: string): Promise<{ schedule: ScheduleView; firings: Firing[] } | null>;
  /** `not_yours`: it comes with the deploy. The timing must have been checked. */
  put(definition: ScheduleDefinition, by: string): Promise<'created' | 'changed' | 'unchanged' | 'not_yours'>;
  remove(id: string, by: string): Promise<'removed' | 'unknown' | 'not_yours'>;
  /** False: there is no such schedule. */
  setPaused(id: string, paused: boolean, by: string): Promise<boolean>;
  setToken(id: string, token: ScheduleToken, by: string): Promise<boolean>;
  /** Null: there is no such schedule, or it has no token. */
  tokenOf(id: string): Promise<ScheduleToken | null>;
  fire(request: FireRequest): Promise<FireAnswer>;
  /** What is to be done now; null: it is done, or there is no such firing. */
  work(piece: HandOver): Promise<FiringWork | null>;
  /** `memory`: what the task wants to know next time; null: as before. */
  settle(piece: HandOver, outcome: FiringOutcome, memory: unknown): Promise<void>;
  /** The incident that took a firing over has ended. */
  ended(incident: string, outcome: FiringOutcome): Promise<void>;
  /** Takes a text out of what came with firings. */
  redact(text: string): Promise<void>;
  /** Puts a dead firing back into the outbox. */
  retry(key: string): Promise<boolean>;
}
