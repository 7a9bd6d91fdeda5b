import type { PersonRef } from '../../contracts/person.ts';
import type { FixTarget } from '../../contracts/run.ts';
import type { BuildFacts, Evidence } from './events.ts';

export type Status =
  | 'idle'
  | 'detected'
  | 'investigating'
  | 'handed_off'
  | 'fixing'
  | 'awaiting_review'
  | 'pr_open'
  | 'verifying'
  | 'restarting'
  | 'resolved'
  | 'explained'
  | 'escalated'
  | 'aborted';

export const ENDED: readonly Status[] = ['idle', 'resolved', 'explained', 'escalated', 'aborted'];

export interface ActiveRun {
  run: string;
  group: string;
  /** The message whose turn this run answers. */
  message: string;
  /** 0 until the pool has leased it. */
  fence: number;
}

export interface JudgementRecord {
  category: 'code' | 'configuration' | 'environment';
  finding: string;
  rootCause: string;
  advice: string;
  confidence: number;
}

export interface FixProposal {
  intent: string;
  digest: string;
  fence: number;
  ref: string;
  commit: string;
  title: string;
  rootCause: string;
  fixSummary: string;
  files: number;
  diff: string;
  proof: string;
}

export interface PullRequestRecord {
  id: number;
  url: string;
  commit: string;
  status: 'active' | 'completing' | 'completed' | 'abandoned';
  approval: string;
  message: string;
  verdict: 'approved' | 'denied' | null;
  by: PersonRef | null;
  via: string | null;
  mergeCommit: string | null;
}

/** One try at a fix: from the hand-off to the build that judged it. */
export interface Attempt {
  n: number;
  build: number;
  step: string;
  target: FixTarget;
  proposal: FixProposal | null;
  outcome: 'fixed' | 'not_code' | 'not_diagnosable' | null;
  rootCause: string | null;
  pushed: boolean;
  pullRequest: PullRequestRecord | null;
  /** The build of the pull request itself: its verdict, or that there is none. */
  ownBuild: { build: number | null; result: 'succeeded' | 'failed' | 'absent' } | null;
  failedBecause: string | null;
}

export interface FailedBuild {
  build: number;
  buildNumber: string;
  url: string;
  ref: string;
  commit: string;
  /** What was pushed; a pull request's build is of a merge commit. */
  sourceCommit: string;
  /** Builds of one attempt (branch and pull request) count as one. */
  attempt: number | null;
  stepKey: string | null;
  step: string | null;
}

export interface Episode {
  number: number;
  startedAt: number;
  endedAt: number | null;
  endReason: string | null;
  endDetail: string | null;
  /** The failure that is being worked on. */
  failure: BuildFacts;
  evidence: Evidence | null;
  failedBuilds: FailedBuild[];
  judgement: JudgementRecord | null;
  /** Cody's reasons for handing the failure back to Ryan; at most once per failure. */
  handedBack: string | null;
  judgeMessage: string | null;
  fixMessage: string | null;
  activeRun: ActiveRun | null;
  runsStarted: number;
  runLosses: number;
  attempts: Attempt[];
  /** The newest build when the fix reached the branch: later builds contain it. */
  verifyFloor: number;
  verifyLooks: number;
  newestFailure: BuildFacts | null;
}

export interface PipelineState {
  incident: string;
  status: Status;
  timer: { name: string; dueAt: number } | null;
  ownBuildTimer: { name: string; dueAt: number } | null;
  /** The branch of the key and what it belongs to; set by the first failure. */
  ref: string | null;
  attemptsEver: number;
  /** Build ids and results already counted, newest last, bounded. */
  seenBuilds: string[];
  newestBuild: number;
  lastGreen: { build: number; commit: string } | null;
  /** The open or latest episode. */
  episode: Episode | null;
}

export function initialState(incident: string): PipelineState {
  return {
    incident,
    status: 'idle',
    timer: null,
    ownBuildTimer: null,
    ref: null,
    attemptsEver: 0,
    seenBuilds: [],
    newestBuild: 0,
    lastGreen: null,
    episode: null,
  };
}

export const isOpen = (state: PipelineState): boolean => !ENDED.includes(state.status);

export function currentAttempt(state: PipelineState): Attempt | null {
  return state.episode?.attempts.at(-1) ?? null;
}
