import { sourceCommit } from './events.ts';
import type { PipelineFact } from './facts.ts';
import type { Attempt, Episode, PipelineState } from './state.ts';

/** Seen builds are remembered for deduplication; hooks older than this many builds are long past redelivery. */
const SEEN_BUILDS = 200;

/** Folds one recorded fact. Total: a fact that does not fit the state leaves it as it is. */
export function evolve(state: PipelineState, fact: PipelineFact, atMs: number): PipelineState {
  switch (fact.type) {
    case 'status_changed':
      return { ...state, status: fact.data.status, timer: fact.data.timer };
    case 'event_ignored':
      return state;
    case 'build_seen':
      return {
        ...state,
        seenBuilds: [...state.seenBuilds, `${fact.data.build}:${fact.data.result}`].slice(-SEEN_BUILDS),
        newestBuild: Math.max(state.newestBuild, fact.data.build),
      };
    case 'branch_green':
      return { ...state, lastGreen: { build: fact.data.build, commit: fact.data.commit } };
    case 'episode_started':
      return {
        ...state,
        ref: fact.data.failure.ref,
        ownBuildTimer: null,
        episode: {
          number: fact.data.number,
          startedAt: atMs,
          endedAt: null,
          endReason: null,
          endDetail: null,
          failure: fact.data.failure,
          evidence: null,
          failedBuilds: [],
          judgement: null,
          handedBack: null,
          judgeMessage: null,
          fixMessage: null,
          activeRun: null,
          runsStarted: 0,
          runLosses: 0,
          attempts: [],
          verifyFloor: 0,
          verifyLooks: 0,
          newestFailure: null,
        },
      };
    case 'own_build_timer':
      return {
        ...state,
        ownBuildTimer: fact.data.dueAt === null ? null : { name: 'own_build', dueAt: fact.data.dueAt },
      };
    case 'attempt_started':
      return inEpisode({ ...state, attemptsEver: fact.data.n }, (episode) => ({
        ...episode,
        attempts: [...episode.attempts, newAttempt(fact.data)],
      }));
    default:
      return inEpisode(state, (episode) => evolveEpisode(episode, fact, atMs, state.newestBuild));
  }
}

function inEpisode(state: PipelineState, change: (episode: Episode) => Episode): PipelineState {
  return state.episode === null ? state : { ...state, episode: change(state.episode) };
}

function newAttempt(data: Extract<PipelineFact, { type: 'attempt_started' }>['data']): Attempt {
  return {
    ...data,
    proposal: null,
    outcome: null,
    rootCause: null,
    pushed: false,
    pullRequest: null,
    ownBuild: null,
    failedBecause: null,
  };
}

function evolveEpisode(episode: Episode, fact: PipelineFact, atMs: number, newestBuild: number): Episode {
  switch (fact.type) {
    case 'failure_recorded': {
      const { failure, attempt } = fact.data;
      const failed = {
        build: failure.build,
        buildNumber: failure.buildNumber,
        url: failure.url,
        ref: failure.ref,
        commit: failure.commit,
        sourceCommit: sourceCommit(failure),
        attempt,
        stepKey: null,
        step: null,
      };
      const newestFailure = attempt === null ? failure : episode.newestFailure;
      return { ...episode, failedBuilds: [...episode.failedBuilds, failed], newestFailure };
    }
    case 'failure_focused':
      return {
        ...episode,
        failure: fact.data.failure,
        evidence: null,
        judgement: null,
        handedBack: null,
        runLosses: 0,
        verifyLooks: 0,
      };
    case 'evidence_recorded':
      return {
        ...episode,
        evidence: fact.data.build === episode.failure.build ? fact.data : episode.evidence,
        failedBuilds: episode.failedBuilds.map((failed) =>
          failed.build === fact.data.build
            ? { ...failed, stepKey: fact.data.stepKey, step: fact.data.step.name }
            : failed,
        ),
      };
    case 'judgement_asked':
      return { ...episode, judgeMessage: fact.data.message };
    case 'run_requested':
      return { ...episode, activeRun: { ...fact.data, fence: 0 }, runsStarted: episode.runsStarted + 1 };
    case 'run_leased':
      return episode.activeRun?.run === fact.data.run
        ? { ...episode, activeRun: { ...episode.activeRun, fence: fact.data.fence } }
        : episode;
    case 'run_ended':
      return {
        ...episode,
        activeRun: episode.activeRun?.run === fact.data.run ? null : episode.activeRun,
        runLosses: fact.data.lost ? episode.runLosses + 1 : 0,
      };
    case 'judged': {
      const { category, finding, rootCause, advice, confidence } = fact.data;
      return { ...episode, judgement: { category, finding, rootCause, advice, confidence } };
    }
    case 'handed_off':
      return { ...episode, fixMessage: fact.data.message };
    case 'handed_back':
      return { ...episode, handedBack: fact.data.reason, judgeMessage: fact.data.message };
    case 'verification_looked':
      return { ...episode, verifyLooks: fact.data.looks };
    case 'episode_ended':
      return { ...episode, endedAt: atMs, endReason: fact.data.reason, endDetail: fact.data.detail };
    default:
      return inAttempt(episode, fact, newestBuild);
  }
}

function inAttempt(episode: Episode, fact: PipelineFact, newestBuild: number): Episode {
  const attempt = episode.attempts.at(-1);
  if (attempt === undefined) return episode;
  const changed = evolveAttempt(attempt, fact);
  const reachedBranch =
    fact.type === 'merged' || (fact.type === 'fix_pushed' && attempt.target.ref === episode.failure.ref);
  return {
    ...episode,
    attempts: [...episode.attempts.slice(0, -1), changed],
    verifyFloor: reachedBranch ? newestBuild : episode.verifyFloor,
  };
}

function evolveAttempt(attempt: Attempt, fact: PipelineFact): Attempt {
  const { pullRequest } = attempt;
  switch (fact.type) {
    case 'fix_proposed':
      return { ...attempt, proposal: fact.data };
    case 'fix_concluded':
      return { ...attempt, outcome: fact.data.outcome, rootCause: fact.data.rootCause };
    case 'fix_pushed':
      return { ...attempt, pushed: true };
    case 'pull_request_opened': {
      const { id, url, commit, approval, message } = fact.data;
      const opened = { id, url, commit, approval, message, status: 'active' as const };
      return {
        ...attempt,
        pullRequest: { ...opened, verdict: null, by: null, via: null, mergeCommit: null },
      };
    }
    case 'own_build_recorded':
      return { ...attempt, ownBuild: fact.data };
    case 'attempt_failed':
      return { ...attempt, failedBecause: fact.data.reason };
    case 'approval_recorded': {
      const { verdict, by, via } = fact.data;
      return pullRequest ? { ...attempt, pullRequest: { ...pullRequest, verdict, by, via } } : attempt;
    }
    case 'completion_requested':
      return pullRequest ? { ...attempt, pullRequest: { ...pullRequest, status: 'completing' } } : attempt;
    case 'merged':
      return pullRequest
        ? {
            ...attempt,
            pullRequest: { ...pullRequest, status: 'completed', mergeCommit: fact.data.mergeCommit },
          }
        : attempt;
    case 'pull_request_abandoned':
      return pullRequest ? { ...attempt, pullRequest: { ...pullRequest, status: 'abandoned' } } : attempt;
    default:
      return attempt;
  }
}
