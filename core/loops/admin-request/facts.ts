import type { PersonRef } from '../../contracts/person.ts';
import type { Timer } from '../loop.ts';
import type { Filed } from './events.ts';
import type { AdminRequestStatus } from './state.ts';

/** What the journal says has happened. A fact holds what was decided, so that evolving needs no policy. */
export type AdminRequestFact =
  | { type: 'request_accepted'; data: { filed: Filed; approval: string; message: string } }
  | {
      type: 'approval_recorded';
      data: { attempt: number; verdict: 'approved' | 'denied'; by: PersonRef; via: 'telegram' | 'api' };
    }
  | { type: 'outcome_recorded'; data: { outcome: string } }
  | { type: 'status_changed'; data: { status: AdminRequestStatus; timer: Timer | null } }
  | { type: 'event_ignored'; data: { event: string; reason: string } };
