import type { PersonRef } from '../../contracts/person.ts';
import type { FixResult, Judgement } from '../../contracts/results.ts';
import type { FixTarget } from '../../contracts/run.ts';
import type { BuildFacts, Evidence } from './events.ts';
import type { FixProposal, Status } from './state.ts';

/** What the journal says has happened. A fact holds what was decided, so that evolving needs no policy. */
export type PipelineFact =
  | { type: 'status_changed'; data: { status: Status; timer: { name: string; dueAt: number } | null } }
  | { type: 'event_ignored'; data: { event: string; reason: string } }
  | { type: 'build_seen'; data: { build: number; result: string; ref: string; commit: string } }
  | { type: 'branch_green'; data: { build: number; commit: string } }
  | { type: 'episode_started'; data: { number: number; failure: BuildFacts } }
  | { type: 'failure_recorded'; data: { failure: BuildFacts; attempt: number | null } }
  | { type: 'failure_focused'; data: { failure: BuildFacts } }
  | { type: 'evidence_recorded'; data: Evidence }
  | { type: 'judgement_asked'; data: { message: string } }
  | { type: 'run_requested'; data: { run: string; group: string; message: string } }
  | { type: 'run_leased'; data: { run: string; fence: number; model: string } }
  | { type: 'run_ended'; data: { run: string; lost: boolean; reason: string; costMicroUsd: number } }
  | { type: 'judged'; data: Judgement }
  | { type: 'handed_off'; data: { message: string } }
  | { type: 'hand_off_delivered'; data: { message: string } }
  | { type: 'handed_back'; data: { reason: string; message: string } }
  | { type: 'attempt_started'; data: { n: number; build: number; step: string; target: FixTarget } }
  | { type: 'fix_proposed'; data: FixProposal }
  | { type: 'fix_concluded'; data: FixResult }
  | { type: 'push_permitted'; data: { intent: string; digest: string } }
  | { type: 'fix_pushed'; data: { ref: string; commit: string } }
  | {
      type: 'pull_request_opened';
      data: { id: number; url: string; commit: string; attempt: number; approval: string; message: string };
    }
  | {
      type: 'approval_recorded';
      data: { attempt: number; verdict: 'approved' | 'denied'; by: PersonRef; via: string };
    }
  | { type: 'own_build_timer'; data: { dueAt: number | null } }
  | { type: 'own_build_recorded'; data: { build: number | null; result: 'succeeded' | 'failed' | 'absent' } }
  | { type: 'completion_requested'; data: { pullRequest: number; commit: string } }
  | { type: 'merged'; data: { pullRequest: number; mergeCommit: string | null } }
  | { type: 'pull_request_abandoned'; data: { pullRequest: number } }
  | { type: 'verification_looked'; data: { looks: number } }
  | { type: 'attempt_failed'; data: { n: number; reason: string } }
  | { type: 'episode_ended'; data: { reason: string; detail: string } };
