import type { Intent } from '../../contracts/intents.ts';
import type { FixResult, Judgement } from '../../contracts/results.ts';
import { type Draft, episodeOf, note } from './draft.ts';
import { escalate, explain } from './endings.ts';
import { type PipelineEvent, sourceCommit, sourceRef } from './events.ts';
import { fixBranch } from './key.ts';
import { FORBIDDEN_PATHS, MAX_FILES, MAX_RUN_LOSSES, MIN_CONFIDENCE_TO_EXPLAIN } from './policy.ts';
import { fixPrompt, judgePrompt } from './prompts.ts';
import { currentAttempt, type Episode, isOpen } from './state.ts';
import { handBackReport, handOffReport } from './texts.ts';

type EventOf<Type extends PipelineEvent['type']> = Extract<PipelineEvent, { type: Type }>['data'];

export function onTurn(draft: Draft, { group, message }: EventOf<'turn_granted'>): void {
  const { episode, status } = draft.state;
  if (episode && status === 'investigating' && message === episode.judgeMessage && !episode.activeRun)
    return startJudge(draft, message);
  if (episode && status === 'handed_off' && message === episode.fixMessage && !episode.activeRun)
    return startFix(draft, message);
  draft.ignore('turn_granted', 'nothing waits for this turn');
  if (episode?.activeRun?.message !== message) draft.request({ kind: 'end_turn', data: { group, message } });
}

function runId(draft: Draft, episode: Episode): string {
  return draft.context.id('run', `${episode.number}:run:${episode.runsStarted + 1}`);
}

function startJudge(draft: Draft, message: string): void {
  const episode = episodeOf(draft);
  const run = runId(draft, episode);
  draft.record({ type: 'run_requested', data: { run, group: 'ryan', message } });
  draft.request({
    kind: 'start_run',
    data: {
      run,
      group: 'ryan',
      kind: 'light',
      purpose: 'judge',
      incident: draft.state.incident,
      episode: episode.number,
      prompt: judgePrompt(draft.state),
      artifacts: artifactsOf(episode),
      workspace: null,
      fix: null,
    },
  });
}

function startFix(draft: Draft, message: string): void {
  const episode = episodeOf(draft);
  const { failure, evidence } = episode;
  if (!evidence) throw new Error('a fix was started without evidence');
  const n = draft.state.attemptsEver + 1;
  const isDefault = (draft.state.ref ?? failure.ref) === failure.defaultBranch;
  const base = sourceCommit(failure);
  const ref = sourceRef(failure);
  draft.record({
    type: 'attempt_started',
    data: {
      n,
      build: failure.build,
      step: evidence.step.name,
      target: {
        ref: isDefault ? fixBranch(draft.state.incident, n) : ref,
        expected: isDefault ? null : base,
        base,
        defaultBranch: failure.defaultBranch,
        forbiddenPaths: FORBIDDEN_PATHS,
        maxFiles: MAX_FILES,
      },
    },
  });
  requestFixRun(draft, message, ref, base);
}

function requestFixRun(draft: Draft, message: string, ref: string, commit: string): void {
  const episode = episodeOf(draft);
  const attempt = currentAttempt(draft.state);
  if (!attempt || !episode.evidence) throw new Error('a fix run needs an attempt and evidence');
  const run = runId(draft, episode);
  draft.record({ type: 'run_requested', data: { run, group: 'cody', message } });
  draft.enter('fixing', 'fix');
  const { project, repository } = episode.failure;
  draft.request({
    kind: 'start_run',
    data: {
      run,
      group: 'cody',
      kind: 'heavy',
      purpose: 'fix',
      incident: draft.state.incident,
      episode: episode.number,
      prompt: fixPrompt(draft.state),
      artifacts: artifactsOf(episode),
      workspace: { project, repository, ref, commit },
      fix: { target: attempt.target, step: episode.evidence.step },
    },
  });
}

function artifactsOf({ evidence }: Episode) {
  if (!evidence) return [];
  const { log, excerpt } = evidence;
  return [
    ...(log
      ? [
          {
            name: 'failed-step-log',
            sha256: log.sha256,
            sizeBytes: log.sizeBytes,
            contentType: log.contentType,
          },
        ]
      : []),
    ...(excerpt ? [{ ...excerpt, name: 'failed-step-excerpt' }] : []),
  ];
}

export function onRunStarted(draft: Draft, data: EventOf<'run_started'>): void {
  if (draft.state.episode?.activeRun?.run !== data.run)
    return draft.ignore('run_started', 'not the current run');
  if (data.fence < draft.state.episode.activeRun.fence) return draft.ignore('run_started', 'an older lease');
  draft.record({ type: 'run_leased', data });
}

/** Whether this run speaks for the loop now: the current one, and under no older lease than the one known. */
function isCurrent(draft: Draft, run: string, fence: number): boolean {
  const active = draft.state.episode?.activeRun;
  return isOpen(draft.state) && active?.run === run && fence >= active.fence;
}

export function onIntent(draft: Draft, intent: Intent): void {
  const attempt = currentAttempt(draft.state);
  if (!attempt || !isCurrent(draft, intent.run, intent.fence))
    return draft.ignore('intent_submitted', 'its run no longer speaks for the loop');
  const { body } = intent;
  if (body.kind !== 'push_fix')
    return draft.ignore('intent_submitted', `this loop does not perform ${body.kind}`);
  if (
    body.ref !== attempt.target.ref ||
    body.base !== attempt.target.base ||
    body.ref === attempt.target.defaultBranch
  )
    return draft.ignore('intent_submitted', 'it aims at another branch than the attempt');
  draft.record({
    type: 'fix_proposed',
    data: {
      intent: intent.id,
      digest: intent.digest,
      fence: intent.fence,
      ref: body.ref,
      commit: body.commit,
      title: body.title,
      rootCause: body.rootCause,
      fixSummary: body.fixSummary,
      files: body.files.length,
      diff: body.diff.sha256,
      proof: `${body.proof.red.command}: exit ${body.proof.red.exitCode} before, ${body.proof.green.exitCode} after`,
    },
  });
}

export function onRunFinished(draft: Draft, data: EventOf<'run_finished'>): void {
  const { run, fence, result, costMicroUsd } = data;
  if (!isCurrent(draft, run, fence))
    return draft.ignore('run_finished', 'its run no longer speaks for the loop');
  releaseTurn(draft);
  draft.record({ type: 'run_ended', data: { run, lost: false, reason: result.kind, costMicroUsd } });
  if (result.kind === 'judgement') return onJudgement(draft, result);
  if (result.kind === 'fix') return onFixResult(draft, run, result);
  escalate(draft, 'run_failed', `A run of this loop gave a ${result.kind}.`);
}

function releaseTurn(draft: Draft): void {
  const active = episodeOf(draft).activeRun;
  if (active) draft.request({ kind: 'end_turn', data: { group: active.group, message: active.message } });
}

function onJudgement(draft: Draft, judgement: Judgement): void {
  if (draft.state.status !== 'investigating')
    return draft.ignore('run_finished', 'no judgement was asked for');
  draft.record({ type: 'judged', data: judgement });
  const { handedBack } = episodeOf(draft);
  if (judgement.category === 'environment' && judgement.confidence >= MIN_CONFIDENCE_TO_EXPLAIN)
    return explain(draft, 'environment', judgement.rootCause);
  if (judgement.category === 'environment')
    return escalate(draft, 'low_confidence', `Perhaps the environment: ${judgement.rootCause}`);
  if (handedBack !== null)
    return escalate(draft, 'disagreement', `Ryan: ${judgement.rootCause} Cody: ${handedBack}`);
  handOff(draft);
}

function handOff(draft: Draft): void {
  const episode = episodeOf(draft);
  const message = draft.context.id(
    'msg',
    `${episode.number}:fix:${episode.failure.build}:${episode.runsStarted}`,
  );
  draft.record({ type: 'handed_off', data: { message } });
  draft.enter('handed_off', 'hand_off');
  const text = handOffReport(draft.state);
  draft.request({ kind: 'relay', data: { message, from: 'ryan', to: 'cody', text, turn: true } });
}

function onFixResult(draft: Draft, run: string, result: FixResult): void {
  if (draft.state.status !== 'fixing') return draft.ignore('run_finished', 'no fix was asked for');
  draft.record({ type: 'fix_concluded', data: result });
  const proposal = currentAttempt(draft.state)?.proposal;
  if (result.outcome === 'not_diagnosable') return escalate(draft, 'not_diagnosable', result.rootCause);
  if (result.outcome === 'not_code') return handBack(draft, result);
  if (!proposal)
    return escalate(draft, 'no_fix_submitted', 'Cody reported a fix but none passed the checks.');
  draft.record({ type: 'push_permitted', data: { intent: proposal.intent, digest: proposal.digest } });
  draft.enter('fixing', 'push');
  draft.request({
    kind: 'perform_intent',
    data: { run, fence: proposal.fence, intent: proposal.intent, digest: proposal.digest },
  });
}

/** "Not code": back to Ryan, who judges once more with what Cody found. */
function handBack(draft: Draft, result: FixResult): void {
  const episode = episodeOf(draft);
  if (episode.handedBack !== null) return escalate(draft, 'disagreement', result.rootCause);
  const message = draft.context.id(
    'msg',
    `${episode.number}:back:${episode.failure.build}:${episode.runsStarted}`,
  );
  draft.record({ type: 'handed_back', data: { reason: result.rootCause, message } });
  draft.enter('investigating', 'judgement');
  const text = handBackReport(draft.state, result);
  draft.request({ kind: 'relay', data: { message, from: 'cody', to: 'ryan', text, turn: true } });
}

const NO_RETRY = ['no_runner', 'budget_refused', 'budget', 'invalid_result'];

export function onRunFailed(draft: Draft, data: EventOf<'run_failed'>): void {
  const { run, fence, reason, detail, costMicroUsd } = data;
  const active = draft.state.episode?.activeRun;
  if (!active || !isCurrent(draft, run, fence))
    return draft.ignore('run_failed', 'its run no longer speaks for the loop');
  const isFinal = NO_RETRY.includes(reason) || episodeOf(draft).runLosses >= MAX_RUN_LOSSES;
  if (isFinal) releaseTurn(draft);
  draft.record({ type: 'run_ended', data: { run, lost: true, reason, costMicroUsd } });
  const who = active.group === 'ryan' ? 'Ryan' : 'Cody';
  if (isFinal) return escalate(draft, 'run_failed', `${who}'s run ended: ${reason}. ${detail}`.trim());
  note(draft, active.group, 'dogwatch', `Run ${run} ended (${reason}); it is tried once more.`);
  if (active.group === 'ryan') return startJudge(draft, active.message);
  const { failure } = episodeOf(draft);
  const base = currentAttempt(draft.state)?.target.base;
  if (base) requestFixRun(draft, active.message, sourceRef(failure), base);
}

export function onRelayRefused(draft: Draft, data: EventOf<'relay_refused'>): void {
  const { judgeMessage, fixMessage } = draft.state.episode ?? {};
  if (!isOpen(draft.state) || (data.message !== judgeMessage && data.message !== fixMessage))
    return draft.ignore('relay_refused', 'nothing waits for this message');
  escalate(draft, 'relay_refused', `${data.from} may not write to ${data.to}: ${data.reason}`);
}
