import type { AdminOutcome } from '../../contracts/admin-action.ts';
import type { HostCommand } from '../../contracts/host-command.ts';
import type { AdminRequest, IntentOf } from '../../contracts/intents.ts';
import type { SharedEvent } from '../shared-events.ts';

/** An intent that needs a person's yes. */
export type FiledIntent = IntentOf<HostCommand | AdminRequest>;

export interface Filed {
  intent: FiledIntent;
  group: string;
  /** What the asking run works for. */
  incident: string;
}

export type AdminRequestEvent =
  | SharedEvent
  | { type: 'request_filed'; data: Filed }
  | { type: 'admin_action_done'; data: AdminOutcome };
