import type { Artifact } from '../../contracts/artifact.ts';
import type { Intent, IntentOutcome } from '../../contracts/intents.ts';
import type { Result } from '../../contracts/results.ts';
import type { FailedStep, RunEndReason } from '../../contracts/run.ts';

/** A person's data lives in the subject table of its object; journals hold this reference only. */
export interface PersonRef {
  subject: string;
  /** Salted digest of the text: evidence that survives deletion. */
  digest: string;
}

/** A build as the Azure DevOps API told it (never as a hook claimed it). */
export interface BuildFacts {
  organisation: string;
  project: string;
  definition: number;
  definitionName: string;
  repository: string;
  build: number;
  buildNumber: string;
  /** The build's page, at the configured address. */
  url: string;
  /** `refs/heads/…` or `refs/pull/<n>/merge`. */
  ref: string;
  commit: string;
  reason: string;
  /** Epoch milliseconds; 0 when the API did not say. */
  finishedAt: number;
  /** For a build of a pull request: its number, source branch and source commit. */
  pullRequest: { id: number; source: string; target: string; commit: string } | null;
  defaultBranch: string;
  requestedFor: PersonRef | null;
}

/** What somebody pushed: a build of a pull request is of a merge commit that nobody has. */
export const sourceCommit = ({ pullRequest, commit }: BuildFacts): string => pullRequest?.commit ?? commit;

export const sourceRef = ({ pullRequest, ref }: BuildFacts): string => pullRequest?.source ?? ref;

export interface ChangeFacts {
  commit: string;
  author: PersonRef | null;
  /** First line of the message, as a subject reference: people write names and more in it. */
  message: PersonRef | null;
}

/** What code, not a model, found out about a failed build. */
export interface Evidence {
  build: number;
  /** Path of the failed leaf: stage, job, task. Empty when no record failed (for example a YAML error). */
  stepPath: string[];
  step: FailedStep;
  /** Stable text for "the same step". */
  stepKey: string;
  /** Stable text for "the same failure". */
  failureKey: string;
  failingTests: string[];
  issues: string[];
  /** The complete log; null when the step has none. */
  log: (Artifact & { lines: number; complete: boolean }) | null;
  /** At most 8 KB chosen around what failed. */
  excerpt: Artifact | null;
  otherFailedSteps: string[];
  lastGreenCommit: string | null;
  changes: ChangeFacts[];
}

/** Everything that can happen to an incident of this loop. */
export type PipelineEvent =
  | { type: 'build_failed'; data: BuildFacts & { result: 'failed' | 'partiallySucceeded' } }
  | { type: 'build_succeeded'; data: BuildFacts }
  | { type: 'build_canceled'; data: BuildFacts }
  | { type: 'evidence_collected'; data: Evidence }
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
      type: 'pull_request_opened';
      data: { pullRequest: number; url: string; commit: string; source: string };
    }
  | {
      type: 'pull_request_changed';
      data: {
        pullRequest: number;
        status: 'active' | 'completed' | 'abandoned';
        sourceCommit: string;
        mergeCommit: string | null;
        closedAt: number | null;
      };
    }
  | {
      type: 'pull_request_completed';
      data:
        | { pullRequest: number; outcome: 'completed'; mergeCommit: string | null }
        | {
            pullRequest: number;
            outcome: 'refused';
            code: 'source_moved' | 'conflicts' | 'policy' | 'abandoned';
            reason: string;
          };
    }
  | {
      type: 'approval_given';
      /** `attempt`: the number in the button's action and in the approval's row; it names exactly one commit. */
      data: {
        attempt: number;
        verdict: 'approved' | 'denied';
        by: PersonRef;
        via: 'telegram' | 'api';
      };
    }
  | {
      type: 'builds_seen';
      data: { ref: string; builds: (BuildFacts & { result: string; status: string })[] };
    }
  | { type: 'effect_failed'; data: { key: string; kind: string; error: string } }
  | { type: 'timer_fired'; data: { name: string; dueAt: number } }
  | { type: 'aborted'; data: { by: PersonRef; reason: string } };
