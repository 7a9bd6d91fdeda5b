import type { Loop } from '../loop.ts';
import { decide } from './decide.ts';
import type { TaskEvent } from './events.ts';
import { evolve } from './evolve.ts';
import type { TaskFact } from './facts.ts';
import { initialState, type TaskState } from './state.ts';

/** A group is asked something: it waits for its turn, one run does it, the asker reads the answer. */
export const task: Loop<TaskState, TaskEvent, TaskFact> = {
  name: 'task',
  initial: initialState,
  decide,
  evolve,
  timers: ({ timer }) => (timer === null ? [] : [timer]),
  agentTimers: ['turn', 'run'],
  status: ({ status }) => status,
  episode: ({ request }) => (request === null ? 0 : 1),
};
