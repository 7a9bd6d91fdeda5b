import type { Intent, IntentOutcome } from '../contracts/intents.ts';
import type { PersonRef } from '../contracts/person.ts';
import type { Result } from '../contracts/results.ts';
import type { RunEndReason } from '../contracts/run.ts';

/** What comes back to any loop from the runs, turns, effects and timers that it asked for. */
export type SharedEvent =
  | { type: 'turn_granted'; data: { group: string; message: string } }
  | { type: 'relay_delivered'; data: { message: string; from: string; to: string } }
  | {
      type: 'relay_refused';
      data: { message: string; from: string; to: string; code: string; reason: string };
    }
  | { type: 'run_started'; data: { run: string; fence: number; model: string } }
  | { type: 'intent_submitted'; data: Intent }
  | { type: 'run_finished'; data: { run: string; fence: number; result: Result; costMicroUsd: number } }
  | {
      type: 'run_failed';
      data: {
        run: string;
        fence: number;
        reason: RunEndReason | 'invalid_result' | 'provider' | 'no_runner' | 'budget_refused';
        detail: string;
        costMicroUsd: number;
      };
    }
  | { type: 'intent_performed'; data: { intent: string; outcome: IntentOutcome } }
  | {
      type: 'approval_given';
      /** `attempt`: the number in the button's action and in the approval's row; it names exactly one commit or command. */
      data: {
        attempt: number;
        verdict: 'approved' | 'denied';
        by: PersonRef;
        via: 'telegram' | 'api';
      };
    }
  | { type: 'effect_failed'; data: { key: string; kind: string; error: string } }
  /** `stoppedMs`: for how long everything was stopped since the timer was set; absent: not at all. */
  | { type: 'timer_fired'; data: { name: string; dueAt: number; stoppedMs?: number } }
  | { type: 'aborted'; data: { by: PersonRef; reason: string } };

export type SharedEventData<Type extends SharedEvent['type']> = Extract<SharedEvent, { type: Type }>['data'];
