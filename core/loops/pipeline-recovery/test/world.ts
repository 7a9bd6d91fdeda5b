import { createHash } from 'node:crypto';
import { derivedId } from '../../../contracts/ids.ts';
import type { PushFixIntent } from '../../../contracts/intents.ts';
import type { FixResult, Judgement } from '../../../contracts/results.ts';
import type { EffectBody } from '../../effects.ts';
import type { DecideContext } from '../../loop.ts';
import type { BuildFacts, Evidence, PipelineEvent } from '../events.ts';
import type { PipelineFact } from '../facts.ts';
import { pipelineRecovery } from '../index.ts';
import type { PipelineState } from '../state.ts';

/** A loop driven by hand: folds decisions and answers effects as an ideal outside would. For tests only. */

export const INCIDENT = derivedId('inc', createHash('sha256').update('incident').digest());
export const JAN = { subject: 'sub_01ARZ3NDEKTSV4RRFFQ69G5FAV', digest: 'a'.repeat(64) };

export const sha = (name: string): string => createHash('sha1').update(name).digest('hex');
const sha256 = (name: string): string => createHash('sha256').update(name).digest('hex');

export function buildFacts(build: number, change: Partial<BuildFacts> = {}): BuildFacts {
  return {
    organisation: 'demo',
    project: 'shop',
    definition: 1,
    definitionName: 'parcel-rates-ci',
    repository: 'parcel-rates',
    build,
    buildNumber: `20261120.${build}`,
    url: `https://dev.azure.com/demo/shop/_build/results?buildId=${build}`,
    ref: 'refs/heads/main',
    commit: sha(`commit of build ${build}`),
    reason: 'individualCI',
    finishedAt: 1_000_000 + build,
    pullRequest: null,
    defaultBranch: 'refs/heads/main',
    requestedFor: null,
    ...change,
  };
}

export function evidenceOf(build: number, step = 'Test'): Evidence {
  const artifact = { name: 'log', sha256: sha256(`log ${build}`), sizeBytes: 100, contentType: 'text/plain' };
  return {
    build,
    stepPath: ['CI', 'Job', step],
    step: { name: step, command: `npm run ${step.toLowerCase()}`, kind: step === 'Lint' ? 'lint' : 'test' },
    stepKey: `CI/Job/${step}`,
    failureKey: `CI/Job/${step}/adds`,
    failingTests: step === 'Lint' ? [] : ['adds two numbers'],
    issues: [`Bash exited with code '1'.`],
    log: { ...artifact, lines: 12, complete: true },
    excerpt: { ...artifact, name: 'excerpt', sha256: sha256(`excerpt ${build}`) },
    otherFailedSteps: [],
    lastGreenCommit: sha('green'),
    changes: [{ commit: sha('bad'), author: JAN, message: null }],
  };
}

const contract = {
  finding: 'The sum is off by one.',
  reasoning: 'The last commit changed the loop bound.',
  rootCause: 'Loop bound off by one.',
  confidence: 0.9,
  alternatives: [],
  evidence: [{ claim: 'expected 3', source: 'log:5' }],
};

export const judgement = (category: Judgement['category'] = 'code', confidence = 0.9): Judgement => ({
  kind: 'judgement',
  category,
  advice: 'Look at the last commit.',
  ...contract,
  confidence,
});

export const fixResult = (outcome: FixResult['outcome'] = 'fixed'): FixResult => ({
  kind: 'fix',
  outcome,
  ...contract,
});

type Data<Kind extends EffectBody['kind']> = Extract<EffectBody, { kind: Kind }>['data'];

export class World {
  state: PipelineState = pipelineRecovery.initial(INCIDENT);
  facts: { fact: PipelineFact; at: number }[] = [];
  effects: EffectBody[] = [];
  nowMs = 1_000_000;

  context(): DecideContext {
    return {
      nowMs: this.nowMs,
      id: (type, name) => derivedId(type, createHash('sha256').update(`${INCIDENT}/${name}`).digest()),
    };
  }

  /** Applies one event; answers the effects that it asked for. */
  send(event: PipelineEvent): EffectBody[] {
    this.nowMs += 1_000;
    const { facts, effects } = pipelineRecovery.decide(this.state, event, this.context());
    for (const fact of facts) {
      this.state = pipelineRecovery.evolve(this.state, fact, this.nowMs);
      this.facts.push({ fact, at: this.nowMs });
    }
    this.effects.push(...effects);
    return effects;
  }

  failed(build: number, change: Partial<BuildFacts> = {}): EffectBody[] {
    return this.send({ type: 'build_failed', data: { ...buildFacts(build, change), result: 'failed' } });
  }

  succeeded(build: number, change: Partial<BuildFacts> = {}): EffectBody[] {
    return this.send({ type: 'build_succeeded', data: buildFacts(build, change) });
  }

  evidence(build: number, step = 'Test'): EffectBody[] {
    return this.send({ type: 'evidence_collected', data: evidenceOf(build, step) });
  }

  /** The last effect of a kind; the test fails when there is none. */
  last<Kind extends EffectBody['kind']>(kind: Kind): Data<Kind> {
    const found = this.effects.filter((effect) => effect.kind === kind).at(-1);
    if (!found)
      throw new Error(`no effect ${kind}; there are ${this.effects.map((effect) => effect.kind).join(', ')}`);
    return found.data as Data<Kind>;
  }

  count(kind: EffectBody['kind']): number {
    return this.effects.filter((effect) => effect.kind === kind).length;
  }

  /** The classes of what the operator heard, in order. */
  told(): string[] {
    return this.effects.flatMap((effect) => (effect.kind === 'notify_operator' ? [effect.data.class] : []));
  }

  /** Ryan's turn, run and result. */
  judge(result: Judgement = judgement()): void {
    const message = this.state.episode?.judgeMessage ?? '';
    this.send({ type: 'turn_granted', data: { group: 'ryan', message } });
    const { run } = this.last('start_run');
    this.send({ type: 'run_started', data: { run, fence: 1, model: 'claude-sonnet-5-5' } });
    this.send({ type: 'run_finished', data: { run, fence: 1, result, costMicroUsd: 10 } });
  }

  /** Cody's turn up to a started run; gives its id. */
  startFix(fence = 2): string {
    const { message, from, to } = this.last('relay');
    this.send({ type: 'relay_delivered', data: { message, from, to } });
    this.send({ type: 'turn_granted', data: { group: 'cody', message } });
    const { run } = this.last('start_run');
    this.send({ type: 'run_started', data: { run, fence, model: 'claude-opus-5-5' } });
    return run;
  }

  intent(run: string, fence = 2, commit = sha(`fix ${run}`)): PushFixIntent {
    const target = this.state.episode?.attempts.at(-1)?.target;
    if (!target) throw new Error('no attempt');
    const artifact = { name: 'x', sha256: sha256(run), sizeBytes: 1, contentType: 'text/plain' };
    const ran = { command: 'npm test', durationMs: 1, tail: '', log: artifact };
    return {
      id: derivedId('int', createHash('sha256').update(run).digest()),
      run,
      fence,
      digest: sha256(`digest ${run}`),
      body: {
        kind: 'push_fix',
        project: 'shop',
        repository: 'parcel-rates',
        ref: target.ref,
        expected: target.expected,
        base: target.base,
        commit,
        bundle: artifact,
        diff: artifact,
        title: 'fix: count to the end',
        rootCause: 'Loop bound off by one.',
        fixSummary: 'Restored the bound.',
        files: [{ path: 'src/a.ts', status: 'modified', additions: 1, deletions: 1 }],
        proof: {
          kind: 'test',
          red: { ...ran, exitCode: 1 },
          green: { ...ran, exitCode: 0 },
          newTests: ['adds all'],
        },
      },
    };
  }

  /** Cody's whole part, up to the pushed fix; gives the pushed commit. */
  fix(): string {
    const run = this.startFix();
    const intent = this.intent(run);
    this.send({ type: 'intent_submitted', data: intent });
    this.send({ type: 'run_finished', data: { run, fence: 2, result: fixResult(), costMicroUsd: 20 } });
    const { commit, ref } = intent.body;
    this.send({
      type: 'intent_performed',
      data: { intent: intent.id, outcome: { outcome: 'performed', ref, commit } },
    });
    return commit;
  }

  openPullRequest(pullRequest: number): void {
    const { commit, source } = this.last('open_pull_request');
    this.send({
      type: 'pull_request_opened',
      data: { pullRequest, url: `http://x/pr/${pullRequest}`, commit, source },
    });
  }

  pullRequestBuild(id: number): Partial<BuildFacts> {
    const { commit, source, target } = this.last('open_pull_request');
    return {
      ref: `refs/pull/${id}/merge`,
      commit: sha(`merge of ${id}`),
      pullRequest: { id, source, target, commit },
    };
  }

  approve(verdict: 'approved' | 'denied' = 'approved'): EffectBody[] {
    const attempt = this.state.episode?.attempts.at(-1)?.n ?? 0;
    return this.send({ type: 'approval_given', data: { attempt, verdict, by: JAN, via: 'telegram' } });
  }

  fireTimer(name: string, stoppedMs = 0): EffectBody[] {
    const timer = pipelineRecovery.timers(this.state).find((candidate) => candidate.name === name);
    if (!timer) throw new Error(`no timer ${name}`);
    this.nowMs = timer.dueAt;
    return this.send({ type: 'timer_fired', data: stoppedMs === 0 ? timer : { ...timer, stoppedMs } });
  }
}
