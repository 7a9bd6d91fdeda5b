import type { Loop } from '../loop.ts';
import { decide } from './decide.ts';
import type { AdminRequestEvent } from './events.ts';
import { evolve } from './evolve.ts';
import type { AdminRequestFact } from './facts.ts';
import { type AdminRequestState, initialState } from './state.ts';

/** Row A7: an agent asks for more than its rights; each request ends approved, denied or expired, and says so. */
export const adminRequest: Loop<AdminRequestState, AdminRequestEvent, AdminRequestFact> = {
  name: 'admin-request',
  initial: initialState,
  decide,
  evolve,
  timers: ({ timer }) => (timer === null ? [] : [timer]),
  status: ({ status }) => status,
  episode: ({ filed }) => (filed === null ? 0 : 1),
};
