import type { AdminRequestEvent } from './admin-request/events.ts';
import { isAdminRequestKey } from './admin-request/key.ts';
import type { PipelineEvent } from './pipeline-recovery/events.ts';
import type { TaskEvent } from './task/events.ts';
import { isTaskKey } from './task/key.ts';

/** Everything that an incident may be told; each loop understands its own part. */
export type LoopEvent = PipelineEvent | TaskEvent | AdminRequestEvent;

export type LoopName = 'pipeline-recovery' | 'task' | 'admin-request';

/** The key of an incident says which loop it is an instance of. */
export function loopOfKey(key: string): LoopName {
  if (isTaskKey(key)) return 'task';
  return isAdminRequestKey(key) ? 'admin-request' : 'pipeline-recovery';
}

/** Statuses of incidents that are over, in any loop. */
export const ENDED_STATUSES: readonly string[] = [
  'idle',
  'resolved',
  'explained',
  'escalated',
  'aborted',
  'approved',
  'denied',
  'expired',
  'failed',
];
