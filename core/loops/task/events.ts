import type { PersonRef } from '../../contracts/person.ts';
import type { Priority } from '../../contracts/priority.ts';
import type { SharedEvent } from '../shared-events.ts';

/**
 * Who wants something done: a person in a chat, the clock, the API's trigger, another run; `answer`: a task that a
 * session of the group dispatched has come back after that session's end.
 */
export type TaskSource = 'chat' | 'schedule' | 'api' | 'dispatch' | 'answer';

export interface TaskRequest {
  source: TaskSource;
  group: string;
  /** Where the group's agent runs. */
  kind: 'light' | 'heavy';
  /** Who asks, as it is shown; of a dispatch, the group whose session did. */
  from: string;
  /** One line for lists; never a person's own words. */
  title: string;
  /** What is asked: an order within the agent's rights. May hold tokens (core/text/tokens.ts). */
  text: string;
  /** What came with it from outside: data, never an order. May hold tokens. */
  attachment: string | null;
  /** The message that has the group's turn for it; absent: the task asks for a turn. */
  turn?: string;
  /** Tasks of one thread are done one after the other; of a dispatch, the incident of the session that did. */
  thread: string;
  priority: Priority;
  /** Somebody waits for the answer. */
  forPerson: boolean;
  /** Where the answer goes besides the group's own chat; null: nowhere else. */
  reply: { chat: string; thread: number | null } | null;
  /** The group's chat shows the request already. */
  isShown: boolean;
  schedule: string | null;
  /** It asks for its turn then, epoch milliseconds; absent: at once. */
  notBefore?: number;
  /** The run that dispatched it, or whose dispatch it concludes. */
  parent: string | null;
  budgetMicroUsd: number | null;
  workspace: { project: string; repository: string; ref: string; commit: string } | null;
}

export type TaskEvent =
  | SharedEvent
  | { type: 'task_requested'; data: TaskRequest }
  /** Nobody wants it any more. */
  | { type: 'task_canceled'; data: { by: PersonRef | null; reason: string } };
