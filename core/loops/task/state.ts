import type { TaskReport } from '../../contracts/results.ts';
import type { Timer } from '../loop.ts';
import type { TaskRequest } from './events.ts';

export type TaskStatus = 'idle' | 'held' | 'queued' | 'working' | 'resolved' | 'escalated' | 'aborted';

export const ENDED: readonly TaskStatus[] = ['idle', 'resolved', 'escalated', 'aborted'];

export interface TaskState {
  incident: string;
  status: TaskStatus;
  timer: Timer | null;
  request: TaskRequest | null;
  requestedAt: number;
  /** The message whose turn this task waits for or has. */
  message: string | null;
  /** `fence` is 0 until the pool has leased it. */
  run: { id: string; fence: number } | null;
  runsStarted: number;
  runLosses: number;
  report: Pick<TaskReport, 'outcome' | 'answer' | 'confidence'> | null;
  endReason: string | null;
}

export const initialState = (incident: string): TaskState => ({
  incident,
  status: 'idle',
  timer: null,
  request: null,
  requestedAt: 0,
  message: null,
  run: null,
  runsStarted: 0,
  runLosses: 0,
  report: null,
  endReason: null,
});

export const isOpen = (state: TaskState): boolean => !ENDED.includes(state.status);
