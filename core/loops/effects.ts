import type { AdminAction } from '../contracts/admin-action.ts';
import type { Priority } from '../contracts/priority.ts';
import type { FailedStep, FixTarget } from '../contracts/run.ts';
import type { DispatchOutcome } from '../queue/dispatch-answers.ts';

/** Why the operator is disturbed: nothing else of a loop reaches the operator's chat (row B5). */
export type NotificationClass =
  | 'detected'
  | 'pr_ready'
  | 'fix_pushed'
  | 'resolved'
  | 'explained'
  | 'restarting'
  | 'escalated'
  /** A person is asked to decide. */
  | 'decision';

export interface Button {
  text: string;
  /** At most 64 bytes: it travels as Telegram `callback_data`. */
  action: string;
}

/**
 * What a run is asked to do. Texts may hold tokens (see core/text/tokens.ts) that the shell resolves
 * when the effect is performed.
 */
export interface RunSpec {
  run: string;
  group: string;
  kind: 'light' | 'heavy';
  purpose: 'judge' | 'fix' | 'task';
  incident: string;
  episode: number;
  prompt: string;
  /** Artifacts that the run may read, by name. */
  artifacts: { name: string; sha256: string; sizeBytes: number; contentType: string }[];
  workspace: { project: string; repository: string; ref: string; commit: string } | null;
  fix: { target: FixTarget; step: FailedStep } | null;
  /** Absent: the default. */
  priority?: Priority;
  /** Somebody waits for it in a chat. */
  forPerson?: boolean;
  /** The run that dispatched it, or whose dispatch it concludes: it dispatches nothing itself. */
  parent?: string | null;
  /** Below the group's own limit; null or absent: that limit. */
  budgetMicroUsd?: number | null;
}

/** Things to do outside the loop. The shell performs each at least once under its idempotency key. */
export type EffectBody =
  | { kind: 'collect_evidence'; data: { project: string; build: number } }
  /** `text` is Telegram HTML; `message` names it for a later `settle_operator_message`. */
  | {
      kind: 'notify_operator';
      data: { message: string; class: NotificationClass; text: string; buttons: Button[] };
    }
  /** Takes the buttons off an earlier message and appends a line (HTML). */
  | { kind: 'settle_operator_message'; data: { message: string; line: string } }
  /** A message (plain text) in a group's queue and chat. `turn`: the group's agent is to act, and `turn_granted` comes back. */
  | {
      kind: 'post_message';
      data: {
        message: string;
        group: string;
        from: string;
        text: string;
        turn: boolean;
        /** What is done one after the other; absent: the incident. */
        thread?: string;
        priority?: Priority;
        forPerson?: boolean;
        /** The group's chat shows it already. */
        isShown?: boolean;
      };
    }
  /** A text (HTML) for a chat that is not a group's own. */
  | { kind: 'answer_chat'; data: { message: string; chat: string; thread: number | null; text: string } }
  /** A message for a run that goes on: it reaches its next turn; nothing happens when the run has ended. */
  | { kind: 'steer_run'; data: { run: string; message: string; from: string; text: string } }
  /** `admin_action_done` comes back. */
  | { kind: 'perform_admin_action'; data: { request: string; action: AdminAction } }
  /** Agent to agent, through the allow-list; `relay_delivered` or `relay_refused` comes back. */
  | { kind: 'relay'; data: { message: string; from: string; to: string; text: string; turn: boolean } }
  /**
   * To the group whose session dispatched this task: that session hears it with its next turn, or, when it has
   * ended, the group takes it up. `incident`: what that session works for.
   */
  | {
      kind: 'answer_dispatch';
      data: {
        message: string;
        group: string;
        run: string;
        incident: string;
        from: string;
        outcome: DispatchOutcome;
        asked: string;
        text: string;
      };
    }
  /** `failed`: why the work came to nothing for good. `canceled`: nobody wants it any more. */
  | { kind: 'end_turn'; data: { group: string; message: string; failed?: string; canceled?: string } }
  /** A dispatched task that was to begin on a later day never begins: its place there is free. */
  | { kind: 'withdraw_dispatch'; data: Record<string, never> }
  /** A schedule’s firing that this incident took over is over. */
  | { kind: 'end_firing'; data: { outcome: 'done' | 'nothing' | 'failed'; note: string } }
  | { kind: 'start_run'; data: RunSpec }
  | { kind: 'cancel_run'; data: { run: string; reason: string } }
  | { kind: 'perform_intent'; data: { run: string; fence: number; intent: string; digest: string } }
  | {
      kind: 'open_pull_request';
      data: {
        project: string;
        repository: string;
        source: string;
        target: string;
        commit: string;
        title: string;
        description: string;
      };
    }
  | {
      kind: 'complete_pull_request';
      data: { project: string; repository: string; pullRequest: number; commit: string };
    }
  | {
      kind: 'abandon_pull_request';
      data: { project: string; repository: string; pullRequest: number; comment: string };
    }
  /** Ask Azure DevOps for builds whose hooks may have been lost; `builds_seen` comes back. */
  | { kind: 'look_for_builds'; data: { project: string; definition: number; ref: string; minBuild: number } };

export type EffectKind = EffectBody['kind'];

/** `key`: unique within the incident and stable over replays: `<episode>:<seq>:<kind>`. */
export type Effect = EffectBody & { key: string };
