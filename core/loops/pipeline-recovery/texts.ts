import type { FixResult } from '../../contracts/results.ts';
import { html, plain } from '../../text/plain.ts';
import { subjectToken } from '../../text/tokens.ts';
import { type BuildFacts, type Evidence, sourceRef } from './events.ts';
import { type Attempt, currentAttempt, type Episode, type PipelineState } from './state.ts';

/** Texts for the operator are Telegram HTML and fit a phone's screen; texts between agents are plain. */

const LOOP = 'pipeline failure recovery loop';

const branchName = (ref: string): string => ref.replace(/^refs\/heads\//, '');
const short = (commit: string): string => commit.slice(0, 8);

function open(state: PipelineState): Episode {
  if (state.episode === null) throw new Error('a text was asked for without an episode');
  return state.episode;
}

/** A build as a link to its page. */
const buildLink = ({ buildNumber, url }: { buildNumber: string; url: string }): string =>
  `<a href="${html(url, 500)}">${html(buildNumber, 60)}</a>`;

const where = (state: PipelineState): string => {
  const { failure } = open(state);
  const ref = state.ref?.startsWith('refs/heads/') ? state.ref : sourceRef(failure);
  return `<b>${html(branchName(ref), 120)}</b> (${html(failure.repository, 80)})`;
};

export function detectedText(state: PipelineState): string {
  const { failure, evidence } = open(state);
  const tests = evidence?.failingTests ?? [];
  const failing = tests[0]
    ? `\nFailing: ${html(tests[0], 160)}${tests.length > 1 ? ` and ${tests.length - 1} more` : ''}`
    : '';
  return `🔴 Pipeline failure on ${where(state)} at <code>${short(failure.commit)}</code>
Step: <b>${html(evidence?.step.name ?? 'not known', 120)}</b>, build ${buildLink(failure)}${failing}
Starting ${LOOP}.`;
}

export function pullRequestReadyText(state: PipelineState): string {
  const attempt = currentAttempt(state);
  const { proposal, pullRequest } = attempt ?? {};
  return `🟡 PR ready for approval: <a href="${html(pullRequest?.url ?? '', 500)}">!${pullRequest?.id} ${html(proposal?.title ?? '', 160)}</a>
${where(state)}, commit <code>${short(pullRequest?.commit ?? '')}</code>, ${files(proposal?.files ?? 0)}
Root cause: ${html(attempt?.rootCause ?? proposal?.rootCause ?? '', 300)}
Proof: ${html(proposal?.proof ?? '', 200)}
It is merged when you approve and its own build is green.`;
}

const files = (count: number): string => `${count} file${count === 1 ? '' : 's'}`;

export function fixPushedText(state: PipelineState): string {
  const { proposal, rootCause } = currentAttempt(state) ?? {};
  return `🟡 Fix pushed to ${where(state)}: <code>${short(proposal?.commit ?? '')}</code> ${html(proposal?.title ?? '', 160)}
Root cause: ${html(rootCause ?? proposal?.rootCause ?? '', 300)}
Watching the next build.`;
}

export function restartingText(state: PipelineState): string {
  const { evidence, attempts } = open(state);
  const last = attempts.at(-1);
  return `🔁 Restarting the ${LOOP} on ${where(state)}
Attempt ${attempts.length} did not hold: ${html(last?.failedBecause ?? '', 200)}.
Now failing: <b>${html(evidence?.step.name ?? 'not known', 120)}</b>${evidence?.failingTests[0] ? `, ${html(evidence.failingTests[0], 160)}` : ''}`;
}

export function resolvedText(state: PipelineState, by: 'fix' | 'other_commit', build: BuildFacts): string {
  const { attempts, startedAt, endedAt } = open(state);
  const rootCause = attempts.at(-1)?.rootCause;
  const how =
    by === 'fix'
      ? `Verified by build ${buildLink(build)} at <code>${short(build.commit)}</code>.\nRoot cause: ${html(rootCause ?? 'fixed by a newer commit', 300)}`
      : `A newer commit <code>${short(build.commit)}</code> made build ${buildLink(build)} green; no fix of ours was needed.`;
  return `🟢 Resolved: ${where(state)} is green again.
${how}
Took ${duration((endedAt ?? startedAt) - startedAt)}, ${attempts.length} attempt${attempts.length === 1 ? '' : 's'}.`;
}

function duration(ms: number): string {
  const minutes = Math.round(ms / 60_000);
  if (minutes < 1) return `${Math.round(ms / 1_000)} s`;
  return minutes < 120 ? `${minutes} min` : `${Math.round(minutes / 60)} h`;
}

export function explainedText(state: PipelineState, reason: string, detail: string): string {
  const { evidence, judgement } = open(state);
  const advice = judgement?.advice ? `\nWhat to do: ${html(judgement.advice, 400)}` : '';
  const kind = reason === 'intermittent' ? 'the failure is intermittent' : 'not a fault of the code';
  return `🔵 Explained: ${where(state)}, step <b>${html(evidence?.step.name ?? 'not known', 120)}</b>: ${kind}.
${html(detail, 400)}${advice}
Nothing was changed.`;
}

const REASONS: Record<string, string> = {
  same_step: 'the same step keeps failing',
  attempts: 'the attempts are used up',
  not_diagnosable: 'Cody found no fix that holds',
  disagreement: 'Ryan and Cody disagree about the cause',
  low_confidence: 'the judgement is too uncertain',
  no_fix_submitted: 'no fix passed the checks',
  run_failed: "an agent's run failed",
  push_refused: 'the fix could not be pushed',
  source_moved: 'the fix branch was changed by somebody',
  no_verifying_build: 'nothing verified the fix',
};

export function escalatedText(state: PipelineState, reason: string, detail: string): string {
  const episode = open(state);
  const pullRequest = episode.attempts.at(-1)?.pullRequest;
  const openRequest =
    pullRequest?.status === 'active'
      ? `\nStill open: <a href="${html(pullRequest.url, 500)}">!${pullRequest.id}</a>`
      : '';
  return `🆘 Escalated: ${where(state)}: ${html(REASONS[reason] ?? reason.replaceAll('_', ' '), 120)}.
${html(detail, 500)}
<b>History</b>
${history(episode)}${openRequest}
Over to you: <code>${state.incident}</code>`;
}

/** As many builds as fit one message beside six attempts; the API shows all. */
const HISTORY_BUILDS = 12;

/** Every failed build and every attempt, oldest first: what a human needs to take over. */
function history(episode: Episode): string {
  const left = Math.max(0, episode.failedBuilds.length - HISTORY_BUILDS);
  const lines = episode.failedBuilds.slice(left).map((failed) => {
    const of = failed.attempt === null ? '' : `, attempt ${failed.attempt}`;
    return `• build ${buildLink(failed)} <code>${short(failed.commit)}</code>: ${html(failed.step ?? 'step not known', 100)}${of}`;
  });
  const omitted = left > 0 ? [`• ${left} earlier failed builds`] : [];
  return [...omitted, ...lines, ...episode.attempts.map(attemptLine)].join('\n');
}

function attemptLine(attempt: Attempt): string {
  const { n, rootCause, proposal, pullRequest, failedBecause, outcome } = attempt;
  const said = html(rootCause ?? proposal?.rootCause ?? outcome ?? 'no result', 160);
  const request = pullRequest ? `, !${pullRequest.id} ${pullRequest.status}` : '';
  return `• attempt ${n}: ${said}${request}${failedBecause ? ` (${html(failedBecause, 120)})` : ''}`;
}

/** What code found out, for Ryan's chat. */
export function failureReport(state: PipelineState, evidence: Evidence): string {
  const episode = open(state);
  const failed = episode.failedBuilds.find(({ build }) => build === evidence.build);
  const log = evidence.log
    ? `Complete log: ${evidence.log.lines} lines${evidence.log.complete ? '' : ' (incomplete!)'}, artifact ${evidence.log.sha256.slice(0, 12)}.`
    : 'The failed step has no log.';
  return `Build ${plain(failed?.buildNumber ?? String(evidence.build), 60)} failed on ${plain(failed?.ref ?? '', 200)} at ${failed?.commit ?? ''}.
Failed step: ${plain(evidence.stepPath.join(' › ') || evidence.step.name, 300)}
Failed command: ${plain(evidence.step.command ?? 'not known', 500)}
Failing tests: ${plain(evidence.failingTests.slice(0, 10).join('; ') || 'none recognised', 1_500)}
${log}
Last green commit: ${evidence.lastGreenCommit ?? 'none known'}
Changes since: ${changes(evidence)}`;
}

export function changes(evidence: Evidence): string {
  if (evidence.changes.length === 0) return 'none known';
  return evidence.changes
    .slice(0, 20)
    .map(({ commit, author, message }) => {
      const by = author ? ` by ${subjectToken(author.subject)}` : '';
      return `${short(commit)}${by}${message ? `: ${subjectToken(message.subject)}` : ''}`;
    })
    .join('\n');
}

/** Ryan to Cody: the full report (row B2). The log itself travels as an artifact, whole. */
export function handOffReport(state: PipelineState): string {
  const { evidence, judgement, failure } = open(state);
  if (!evidence || !judgement) return '';
  const target =
    (state.ref ?? failure.ref) === failure.defaultBranch
      ? `A new branch and a pull request to ${failure.defaultBranch}; never the default branch itself.`
      : `The feature branch ${state.ref ?? failure.ref} itself.`;
  return `Pipeline failure for you.
${failureReport(state, evidence)}
My judgement: ${judgement.category} (confidence ${judgement.confidence.toFixed(2)}). ${plain(judgement.finding, 2_000)}
Advice: ${plain(judgement.advice, 2_000)}
Where the fix goes: ${target}
The complete log is the artifact failed-step-log.`;
}

export function handBackReport(_state: PipelineState, result: FixResult): string {
  return `Back to you: this is not the code's fault, as far as I can see (confidence ${result.confidence.toFixed(2)}).
${plain(result.finding, 2_000)}
Why: ${plain(result.reasoning, 3_000)}`;
}

/** Cody to Ryan, and the text of the pull request. */
export function pushedReport(state: PipelineState): string {
  const attempt = currentAttempt(state);
  const { proposal } = attempt ?? {};
  const { failure } = open(state);
  return `Fixes build ${plain(failure.buildNumber, 60)} (${plain(attempt?.step ?? '', 120)}) at ${failure.commit}.

Root cause: ${plain(attempt?.rootCause ?? proposal?.rootCause ?? '', 300)}
Fix: ${plain(proposal?.fixSummary ?? '', 2_000)}
Proof: ${plain(proposal?.proof ?? '', 300)}
Commit: ${proposal?.commit ?? ''} on ${plain(proposal?.ref ?? '', 200)}

Incident ${state.incident}, attempt ${attempt?.n ?? 0}.`;
}
