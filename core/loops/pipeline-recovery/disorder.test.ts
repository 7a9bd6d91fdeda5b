import fc from 'fast-check';
import { expect, it } from 'vitest';
import { canonicalJson } from '../../journal/canonical-json.ts';
import type { EffectBody } from '../effects.ts';
import type { PipelineEvent } from './events.ts';
import { pipelineRecovery } from './index.ts';
import { isOpen } from './state.ts';
import { buildFacts, evidenceOf, fixResult, JAN, judgement, sha, World } from './test/world.ts';

/**
 * A world in which answers to effects come in any order, doubled, late or not at all, mixed with builds,
 * approvals and timers that nobody asked for.
 */
const STEPS = ['Install', 'Lint', 'Build', 'Test', 'Smoke'];

/** `luck` 0–99: the lowest numbers are the rare mishaps. */
function answers(world: World, effect: EffectBody, luck: number): PipelineEvent[] {
  switch (effect.kind) {
    case 'collect_evidence':
      return [
        {
          type: 'evidence_collected',
          data: evidenceOf(effect.data.build, STEPS[luck % STEPS.length]),
        },
      ];
    case 'post_message':
      return effect.data.turn
        ? [{ type: 'turn_granted', data: { group: effect.data.group, message: effect.data.message } }]
        : [];
    case 'relay':
      return [
        { type: 'relay_delivered', data: effect.data },
        { type: 'turn_granted', data: { group: effect.data.to, message: effect.data.message } },
      ];
    case 'start_run': {
      const { run, purpose } = effect.data;
      const fence = 1 + (luck % 2);
      const started: PipelineEvent = { type: 'run_started', data: { run, fence, model: 'm' } };
      if (luck < 4)
        return [
          started,
          { type: 'run_failed', data: { run, fence, reason: 'crashed', detail: '', costMicroUsd: 1 } },
        ];
      const category = luck < 8 ? 'environment' : luck < 15 ? 'configuration' : 'code';
      const outcome = luck < 17 ? 'not_code' : luck < 19 ? 'not_diagnosable' : 'fixed';
      const result = purpose === 'judge' ? judgement(category) : fixResult(outcome);
      const finished: PipelineEvent = { type: 'run_finished', data: { run, fence, result, costMicroUsd: 1 } };
      const hasTarget = world.state.episode?.attempts.at(-1);
      return purpose === 'fix' && hasTarget
        ? [started, { type: 'intent_submitted', data: world.intent(run, fence) }, finished]
        : [started, finished];
    }
    case 'perform_intent': {
      const proposal = world.state.episode?.attempts.at(-1)?.proposal;
      if (!proposal) return [];
      const outcome =
        luck < 5
          ? { outcome: 'refused' as const, code: 'base_moved' as const, reason: 'moved' }
          : { outcome: 'performed' as const, ref: proposal.ref, commit: proposal.commit };
      return [{ type: 'intent_performed', data: { intent: effect.data.intent, outcome } }];
    }
    case 'open_pull_request': {
      const id = 100 + (world.state.attemptsEver % 50);
      const { source, commit, target } = effect.data;
      const facts = buildFacts(1000 + id * 10 + (luck % 10), {
        ref: `refs/pull/${id}/merge`,
        pullRequest: { id, source, target, commit },
      });
      return [
        { type: 'pull_request_opened', data: { pullRequest: id, url: 'http://x', commit, source } },
        luck < 40
          ? { type: 'build_failed', data: { ...facts, result: 'failed' } }
          : { type: 'build_succeeded', data: facts },
      ];
    }
    case 'complete_pull_request':
      return [
        {
          type: 'pull_request_completed',
          data: {
            pullRequest: effect.data.pullRequest,
            outcome: 'completed',
            mergeCommit: sha(`m${effect.data.pullRequest}`),
          },
        },
      ];
    case 'look_for_builds':
      return [{ type: 'builds_seen', data: { ref: effect.data.ref, builds: [] } }];
    default:
      return [];
  }
}

/** Kinds of events that come although no effect asked for them. */
const UNASKED = 8;

function unasked(world: World, kind: number, build: number): PipelineEvent {
  const merge = world.state.episode?.attempts.at(-1)?.pullRequest?.mergeCommit;
  const commit = merge && build % 2 === 0 ? { commit: merge } : {};
  const attempt = world.state.attemptsEver;
  switch (kind) {
    case 0:
      return { type: 'build_failed', data: { ...buildFacts(build, commit), result: 'failed' } };
    case 1:
      return { type: 'build_succeeded', data: buildFacts(build, commit) };
    case 2:
      return { type: 'build_canceled', data: buildFacts(build) };
    case 3: {
      const timer = pipelineRecovery.timers(world.state)[0];
      return { type: 'timer_fired', data: timer ?? { name: 'none', dueAt: 0 } };
    }
    case 5:
      return {
        type: 'approval_given',
        data: { attempt, verdict: build % 8 ? 'approved' : 'denied', by: JAN, via: 'api' },
      };
    default:
      return {
        type: 'effect_failed',
        data: { key: 'k', kind: build % 5 ? 'notify_operator' : 'start_run', error: 'x' },
      };
  }
}

const step = fc.record({
  pick: fc.nat(1_000),
  double: fc.nat(9).map((n) => n === 0),
  unasked: fc.nat(120),
  luck: fc.nat(99),
  build: fc.integer({ min: 1, max: 60 }),
});

it('keeps its promises whatever order events come in', () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 20, maxLength: 150, size: 'max' }), (steps) => {
      const world = new World();
      const pending: PipelineEvent[] = [
        { type: 'build_failed', data: { ...buildFacts(10), result: 'failed' } },
      ];
      for (const { pick, double, unasked: kind, luck, build } of steps) {
        const useUnasked = kind < UNASKED || pending.length === 0;
        const index = pick % Math.max(1, pending.length);
        const event = useUnasked ? unasked(world, kind, build) : (pending[index] as PipelineEvent);
        if (!useUnasked && !double) pending.splice(index, 1);
        const before = world.state;
        const effects = world.send(event);
        for (const effect of effects) pending.push(...answers(world, effect, luck));
        checkStep(world, before.episode?.number ?? 0, effects);
      }
      checkHistory(world);
    }),
    { numRuns: 1_000 },
  );
});

function checkStep(world: World, episodeBefore: number, effects: EffectBody[]): void {
  const { state } = world;
  const attempt = state.episode?.attempts.at(-1);
  if (isOpen(state)) expect(state.timer, `no timer in ${state.status}`).not.toBeNull();
  else expect(pipelineRecovery.timers(state)).toEqual([]);
  expect(state.episode?.number ?? 0).toBeLessThanOrEqual(episodeBefore + 1);
  expect(state.episode?.attempts.length ?? 0).toBeLessThanOrEqual(6);
  for (const effect of effects) {
    if (effect.kind === 'complete_pull_request') {
      expect(attempt?.pullRequest).toMatchObject({ verdict: 'approved', commit: effect.data.commit });
      expect(['succeeded', 'absent']).toContain(attempt?.ownBuild?.result);
    }
    if (effect.kind === 'perform_intent') expect(attempt?.proposal?.ref).not.toBe('refs/heads/main');
    if (effect.kind === 'start_run') expect(state.episode?.activeRun?.run).toBe(effect.data.run);
    if (effect.kind === 'notify_operator') expect(effect.data.text.length).toBeLessThan(4_096);
  }
}

const ENDINGS = ['resolved', 'explained', 'escalated'];

function checkHistory(world: World): void {
  const episodes = world.state.episode?.number ?? 0;
  const told = world.told();
  expect(told.filter((kind) => kind === 'detected').length).toBeLessThanOrEqual(episodes);
  expect(told.filter((kind) => ENDINGS.includes(kind)).length).toBeLessThanOrEqual(episodes);
  const completed = world.effects.flatMap((effect) =>
    effect.kind === 'complete_pull_request' ? [effect.data.commit] : [],
  );
  expect(new Set(completed).size).toBe(completed.length);
  const runs = world.effects.flatMap((effect) => (effect.kind === 'start_run' ? [effect.data.run] : []));
  expect(new Set(runs).size).toBe(runs.length);
  const messages = world.effects.flatMap((effect) =>
    effect.kind === 'notify_operator' ? [effect.data.message] : [],
  );
  expect(new Set(messages).size).toBe(messages.length);
  const replayed = world.facts.reduce(
    (state, { fact, at }) => pipelineRecovery.evolve(state, fact, at),
    pipelineRecovery.initial(world.state.incident),
  );
  expect(canonicalJson(replayed)).toBe(canonicalJson(world.state));
}
