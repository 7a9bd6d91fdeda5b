import type { ScheduleDefinition } from '../../core/schedules/definition.ts';

/** Who named a schedule, and so who may change it. */
export type ScheduleSource = 'built-in' | 'crew' | 'operator';

export interface ScheduleRow extends Record<string, string | number | null> {
  id: string;
  source: ScheduleSource;
  definition: string;
  active: number;
  paused: number;
  problem: string | null;
  decided_until: number;
  wake_at: number | null;
  salt: string | null;
  token_hash: string | null;
}

export type FiringCause = 'due' | 'run' | 'fire';

/**
 * `waiting`: behind one that goes on. `going`: handed on; `target` is its incident, once there is one.
 * `skipped`: claimed, and by its setting not done. The others are ends.
 */
export type FiringStatus = 'waiting' | 'going' | 'done' | 'nothing' | 'skipped' | 'failed';

export interface FiringRow extends Record<string, string | number | null> {
  n: number;
  id: string;
  schedule: string;
  agent_group: string | null;
  task: string;
  cause: FiringCause;
  due_at: number | null;
  at: number;
  text: string | null;
  text_hash: string | null;
  status: FiringStatus;
  part: number;
  give_up_at: number | null;
  target: string | null;
  note: string | null;
  ended_at: number | null;
}

/** One firing as people see it. */
export interface Firing {
  id: string;
  cause: FiringCause;
  dueAt: number | null;
  at: number;
  status: FiringStatus;
  /** The incident it opened; null: none. */
  target: string | null;
  note: string | null;
  endedAt: number | null;
}

/** One schedule as people see it. */
export interface ScheduleView extends ScheduleDefinition {
  source: ScheduleSource;
  /** False: its crew file names it no more. It is kept, and never due. */
  active: boolean;
  paused: boolean;
  /** Why it is never due, where its cron or time zone means nothing. */
  problem: string | null;
  hasToken: boolean;
  lastFiredAt: number | null;
  lastResult: Pick<Firing, 'id' | 'status' | 'target' | 'note' | 'endedAt'> | null;
  /** The next five due times, before jitter. */
  nextRuns: number[];
}

export const definitionOf = (row: ScheduleRow): ScheduleDefinition =>
  JSON.parse(row.definition) as ScheduleDefinition;

export const firingOf = (row: FiringRow): Firing => ({
  id: row.id,
  cause: row.cause,
  dueAt: row.due_at,
  at: row.at,
  status: row.status,
  target: row.target,
  note: row.note,
  endedAt: row.ended_at,
});
