import type { TaskFact } from './facts.ts';
import type { TaskState } from './state.ts';

/** Folds one fact; never depends on policy. */
export function evolve(state: TaskState, fact: TaskFact, atMs: number): TaskState {
  switch (fact.type) {
    case 'task_accepted':
      return { ...state, request: fact.data.request, message: fact.data.message, requestedAt: atMs };
    case 'status_changed':
      return { ...state, status: fact.data.status, timer: fact.data.timer };
    case 'run_requested':
      return { ...state, run: { id: fact.data.run, fence: 0 }, runsStarted: state.runsStarted + 1 };
    case 'run_leased':
      return { ...state, run: { id: fact.data.run, fence: fact.data.fence } };
    case 'run_ended':
      return { ...state, run: null, runLosses: state.runLosses + (fact.data.lost ? 1 : 0) };
    case 'task_reported': {
      const { outcome, answer, confidence } = fact.data;
      return { ...state, report: { outcome, answer, confidence } };
    }
    case 'task_ended':
      return { ...state, endReason: fact.data.reason };
    case 'event_ignored':
      return state;
  }
}
