import type { PipelineFact } from '../../core/loops/pipeline-recovery/facts.ts';

export interface JournalEntry {
  seq: number;
  /** ISO-8601, as the API shows times. */
  at: string;
  type: string;
  data: unknown;
}

export interface Line {
  who: string;
  text: string;
}

const short = (commit: string): string => commit.slice(0, 8);
const branch = (ref: string): string => ref.replace(/^refs\/heads\//, '');

/** A journal entry as a sentence; null for what would only be noise. */
export function narrate(entry: JournalEntry): Line | null {
  return narrateFact(entry as unknown as PipelineFact);
}

function narrateFact(fact: PipelineFact): Line | null {
  switch (fact.type) {
    case 'episode_started': {
      const { buildNumber, ref, commit } = fact.data.failure;
      return {
        who: 'Dogwatch',
        text: `build ${buildNumber} failed on ${branch(ref)} at ${short(commit)}; looking for the failed step`,
      };
    }
    case 'evidence_recorded': {
      const { step, log, failingTests, lastGreenCommit } = fact.data;
      const kept = log
        ? `complete log kept: ${log.lines} lines, ${log.sizeBytes} bytes`
        : 'the step has no log';
      const failing = failingTests[0] ? `\nfailing: ${failingTests.slice(0, 3).join('; ')}` : '';
      const green = lastGreenCommit ? `\nlast green commit ${short(lastGreenCommit)}` : '';
      return {
        who: 'Dogwatch',
        text: `failed step: ${step.name} (${step.command ?? 'command not known'}); ${kept}${failing}${green}`,
      };
    }
    case 'judgement_asked':
      return { who: 'Dogwatch', text: 'asks Ryan to judge' };
    case 'run_leased':
      return { who: 'Dogwatch', text: `run starts on ${fact.data.model} (lease ${fact.data.fence})` };
    case 'judged':
      return {
        who: 'Ryan',
        text: `judges: ${fact.data.category}, confidence ${fact.data.confidence.toFixed(2)}: ${fact.data.rootCause}`,
      };
    case 'handed_off':
      return { who: 'Ryan', text: 'relays the full report to Cody' };
    case 'handed_back':
      return { who: 'Cody', text: `hands it back to Ryan: ${fact.data.reason}` };
    case 'attempt_started':
      return {
        who: 'Cody',
        text: `attempt ${fact.data.n}: from ${short(fact.data.target.base)} to ${branch(fact.data.target.ref)}`,
      };
    case 'fix_proposed':
      return { who: 'Cody', text: `fix passed the checks: ${fact.data.title}\nproof ${fact.data.proof}` };
    case 'fix_concluded':
      return {
        who: 'Cody',
        text: `reports ${fact.data.outcome} (${fact.data.confidence.toFixed(2)}): ${fact.data.rootCause}`,
      };
    case 'fix_pushed':
      return { who: 'Dogwatch', text: `pushed ${short(fact.data.commit)} to ${branch(fact.data.ref)}` };
    case 'pull_request_opened':
      return { who: 'Dogwatch', text: `opened pull request !${fact.data.id}` };
    case 'own_build_recorded':
      return { who: 'Dogwatch', text: `the pull request's own build: ${fact.data.result}` };
    case 'approval_recorded':
      return { who: 'Jan', text: `${fact.data.verdict} by ${fact.data.via}` };
    case 'completion_requested':
      return {
        who: 'Dogwatch',
        text: `completes !${fact.data.pullRequest} at exactly ${short(fact.data.commit)}`,
      };
    case 'merged':
      return {
        who: 'Dogwatch',
        text: `merged as ${short(fact.data.mergeCommit ?? '')}; waiting for the build after the merge`,
      };
    case 'attempt_failed':
      return { who: 'Dogwatch', text: `attempt ${fact.data.n} did not hold: ${fact.data.reason}` };
    case 'run_ended':
      return fact.data.lost ? { who: 'Dogwatch', text: `run lost: ${fact.data.reason}` } : null;
    case 'failure_recorded':
      return { who: 'Dogwatch', text: `failed build of this episode: ${fact.data.failure.buildNumber}` };
    case 'episode_ended':
      return { who: 'Dogwatch', text: `loop ends: ${fact.data.reason}` };
    default:
      return null;
  }
}
