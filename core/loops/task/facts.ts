import type { TaskReport } from '../../contracts/results.ts';
import type { Timer } from '../loop.ts';
import type { TaskRequest } from './events.ts';
import type { TaskStatus } from './state.ts';

/** What the journal says has happened. A fact holds what was decided, so that evolving needs no policy. */
export type TaskFact =
  | { type: 'task_accepted'; data: { request: TaskRequest; message: string } }
  | { type: 'status_changed'; data: { status: TaskStatus; timer: Timer | null } }
  | { type: 'run_requested'; data: { run: string; group: string } }
  | { type: 'run_leased'; data: { run: string; fence: number; model: string } }
  | { type: 'run_ended'; data: { run: string; lost: boolean; reason: string; costMicroUsd: number } }
  | { type: 'task_reported'; data: TaskReport }
  | { type: 'task_ended'; data: { reason: string } }
  | { type: 'event_ignored'; data: { event: string; reason: string } };
