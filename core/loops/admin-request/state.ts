import type { PersonRef } from '../../contracts/person.ts';
import type { Timer } from '../loop.ts';
import type { Filed } from './events.ts';

/** `approved`, `denied`, `expired`, `failed`, `aborted` are ends. */
export type AdminRequestStatus =
  | 'idle'
  | 'waiting'
  | 'performing'
  | 'approved'
  | 'denied'
  | 'expired'
  | 'failed'
  | 'aborted';

export interface AdminRequestState {
  incident: string;
  status: AdminRequestStatus;
  timer: Timer | null;
  filed: Filed | null;
  filedAt: number;
  /** Id of the approval, and of the message that asks for it. */
  approval: string | null;
  message: string | null;
  verdict: { word: 'approved' | 'denied'; by: PersonRef; via: 'telegram' | 'api'; at: number } | null;
  outcome: string | null;
}

export const initialState = (incident: string): AdminRequestState => ({
  incident,
  status: 'idle',
  timer: null,
  filed: null,
  filedAt: 0,
  approval: null,
  message: null,
  verdict: null,
  outcome: null,
});
