import { type Draft, episodeOf, note, notify } from './draft.ts';
import { escalate, windDown } from './endings.ts';
import type { BuildFacts, Evidence } from './events.ts';
import { MAX_ATTEMPTS, MAX_BUILDS_WITH_SAME_STEP } from './policy.ts';
import { currentAttempt, type Episode } from './state.ts';
import { detectedText, failureReport, restartingText } from './texts.ts';

/** The fix did not hold: the loop goes on with the new failure. */
export function restart(draft: Draft, failure: BuildFacts, reason: string): void {
  const attempt = currentAttempt(draft.state);
  windDown(draft, `This fix did not hold: ${reason}.`);
  if (attempt) draft.record({ type: 'attempt_failed', data: { n: attempt.n, reason } });
  draft.record({ type: 'failure_focused', data: { failure } });
  draft.enter('restarting', 'evidence');
  draft.request({ kind: 'collect_evidence', data: { project: failure.project, build: failure.build } });
}

/**
 * Builds of the episode that failed in this step. The builds of one attempt count once, and so do a branch's
 * build and the build of its pull request at the same commit.
 */
function countSameStep(episode: Episode, stepKey: string): number {
  const failed = episode.failedBuilds.filter((build) => build.stepKey === stepKey);
  const requested = new Set(
    failed.filter(({ ref }) => ref.startsWith('refs/pull/')).map((build) => build.sourceCommit),
  );
  const distinct = failed.map(({ attempt, build, sourceCommit }) => {
    if (attempt !== null) return `attempt ${attempt}`;
    return requested.has(sourceCommit) ? `commit ${sourceCommit}` : `build ${build}`;
  });
  return new Set(distinct).size;
}

export function onEvidence(draft: Draft, evidence: Evidence): void {
  draft.record({ type: 'evidence_recorded', data: evidence });
  const episode = episodeOf(draft);
  const { status } = draft.state;
  const isFocused =
    evidence.build === episode.failure.build && (status === 'detected' || status === 'restarting');
  if (isFocused && status === 'detected') notify(draft, 'detected', detectedText(draft.state));
  if (countSameStep(episode, evidence.stepKey) >= MAX_BUILDS_WITH_SAME_STEP) {
    return escalate(
      draft,
      'same_step',
      `${evidence.step.name} failed in ${MAX_BUILDS_WITH_SAME_STEP} builds.`,
    );
  }
  if (!isFocused) return note(draft, 'ryan', 'dogwatch', failureReport(draft.state, evidence));
  if (status === 'restarting') {
    if (episode.attempts.length >= MAX_ATTEMPTS)
      return escalate(draft, 'attempts', `${MAX_ATTEMPTS} attempts did not hold.`);
    notify(draft, 'restarting', restartingText(draft.state));
  }
  askForJudgement(draft, failureReport(draft.state, evidence));
}

/** Wakes Ryan: the message takes its place in his queue, and the run starts when its turn comes. */
export function askForJudgement(draft: Draft, text: string): void {
  const episode = episodeOf(draft);
  const message = draft.context.id(
    'msg',
    `${episode.number}:judge:${episode.failure.build}:${episode.runsStarted}`,
  );
  draft.record({ type: 'judgement_asked', data: { message } });
  draft.enter('investigating', 'judgement');
  draft.request({
    kind: 'post_message',
    data: { message, group: 'ryan', from: 'dogwatch', text, turn: true },
  });
}
