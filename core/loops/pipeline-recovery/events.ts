import type { Artifact } from '../../contracts/artifact.ts';
import type { PersonRef } from '../../contracts/person.ts';
import type { FailedStep } from '../../contracts/run.ts';
import type { SharedEvent } from '../shared-events.ts';

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
  | SharedEvent
  | { type: 'build_failed'; data: BuildFacts & { result: 'failed' | 'partiallySucceeded' } }
  | { type: 'build_succeeded'; data: BuildFacts }
  | { type: 'build_canceled'; data: BuildFacts }
  | { type: 'evidence_collected'; data: Evidence }
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
      type: 'builds_seen';
      data: { ref: string; builds: (BuildFacts & { result: string; status: string })[] };
    };
