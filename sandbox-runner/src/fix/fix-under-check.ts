import type { FailedStep, FixTarget } from '../../../core/contracts/run.ts';
import type { Change, LineCount } from './changes.ts';
import type { PatchLine } from './patch.ts';
import type { Refusal } from './refusal.ts';

export interface FixCommit {
  sha: string;
  parents: string[];
  committer: { name: string; email: string };
  author: { name: string; email: string };
  message: string;
}

/** A file as it was at the base and is in the fix; null where it does not exist. */
export interface FileVersions {
  path: string;
  before: string | null;
  after: string | null;
}

/** All that the checks look at, read once from the repository, so that each check is a plain function. */
export interface FixUnderCheck {
  target: FixTarget;
  step: FailedStep;
  identity: { name: string; email: string };
  commits: FixCommit[];
  /** From the base to the head. */
  net: (Change & LineCount)[];
  /** Every change of every commit in between: what is pushed is the history, too. */
  history: Change[];
  /** Every path of the base. */
  basePaths: readonly string[];
  /** Patterns of what the base's pipelines take in. */
  pipelineParts: readonly string[];
  blobSizes: ReadonlyMap<string, number>;
  /** Lines of every commit in between. */
  historyLines: PatchLine[];
  /** Lines from the base to the head. */
  netLines: PatchLine[];
  diffBytes: number;
  /** Strikes out what this runner keeps secret. */
  redact: (text: string) => string;
  /** Every changed package.json and package-lock.json. */
  manifests: FileVersions[];
  /** What changed files held at recent ancestors of the base, each text once, newest first. */
  earlier: ReadonlyMap<string, readonly string[]>;
}

/** One question about a fix, with its own refusal codes; an empty list means that it passed. */
export type Check = (fix: FixUnderCheck) => Refusal[];
