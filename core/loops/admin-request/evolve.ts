import type { AdminRequestFact } from './facts.ts';
import type { AdminRequestState } from './state.ts';

/** Folds one fact; never depends on policy. */
export function evolve(state: AdminRequestState, fact: AdminRequestFact, atMs: number): AdminRequestState {
  switch (fact.type) {
    case 'request_accepted':
      return { ...state, ...fact.data, filedAt: atMs };
    case 'approval_recorded': {
      const { verdict: word, by, via } = fact.data;
      return { ...state, verdict: { word, by, via, at: atMs } };
    }
    case 'outcome_recorded':
      return { ...state, outcome: fact.data.outcome };
    case 'status_changed':
      return { ...state, ...fact.data };
    case 'event_ignored':
      return state;
  }
}
