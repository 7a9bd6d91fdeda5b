import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { chooseBuilds, type FinishedBuild, lookFrom, MAX_HANDED, OVERLAP_MS, PAGE } from './choose-builds.ts';
import { type HookMemory, hookNews, type Subscription } from './hook-news.ts';

const NOW = Date.UTC(2026, 5, 1, 12);
const MINUTE = 60_000;

const build = (id: number, result: FinishedBuild['result'], about: Partial<FinishedBuild> = {}) => ({
  id,
  result,
  definition: 1,
  ref: 'refs/heads/main',
  finishedAt: NOW - (1_000 - id) * 1_000,
  ...about,
});
const ids = (builds: readonly FinishedBuild[]) => builds.map(({ id }) => id);

describe('a look at finished builds', () => {
  it('hands in what failed and stands, and nothing green while no incident is open', () => {
    const page = [
      build(1, 'failed'),
      build(2, 'succeeded'),
      build(3, 'partiallySucceeded'),
      build(4, 'canceled'),
    ];
    expect(ids(chooseBuilds(page, null, false, NOW).hand)).toEqual([3]);
    expect(ids(chooseBuilds(page, null, true, NOW).hand)).toEqual([1, 2, 3]);
  });

  it('lets a green build speak for its own pipeline and branch only', () => {
    const page = [
      build(1, 'failed'),
      build(2, 'succeeded', { ref: 'refs/heads/b' }),
      build(3, 'succeeded', { definition: 2 }),
    ];
    expect(ids(chooseBuilds(page, null, false, NOW).hand)).toEqual([1]);
  });

  it('finds every failed build, piece by piece, however long it was away', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.record({
            gapMs: fc.integer({ min: 1, max: 20 * MINUTE }),
            result: fc.constantFrom<FinishedBuild['result']>('failed', 'succeeded', 'canceled'),
            ref: fc.constantFrom('a', 'b', 'c'),
          }),
          { maxLength: 400 },
        ),
        fc.boolean(),
        (steps, open) => {
          let at = NOW;
          const all = steps.map(({ gapMs, result, ref }, id) => {
            at += gapMs;
            return build(id, result, { ref, finishedAt: at });
          });
          const end = at + MINUTE;
          let state = { since: NOW, from: null as number | null };
          const handed = new Set<number>();
          for (let pieces = 0, more = true; more; pieces++) {
            const from = lookFrom(state, end);
            const page = all.filter(({ finishedAt }) => finishedAt >= from).slice(0, PAGE);
            const look = chooseBuilds(page, state, open, end);
            expect(look.hand.length).toBeLessThanOrEqual(MAX_HANDED);
            for (const { id } of look.hand) handed.add(id);
            state = look.state;
            more = look.more;
            expect(pieces).toBeLessThan(100);
          }
          const must = all.filter(
            ({ result, ref, id }) =>
              result === 'failed' &&
              (open ||
                !all.some((later) => later.id > id && later.ref === ref && later.result === 'succeeded')),
          );
          for (const { id } of must) expect(handed).toContain(id);
          expect(state).toEqual({
            since: Math.max(end - OVERLAP_MS, all.at(-1)?.finishedAt ?? NOW),
            from: null,
          });
        },
      ),
      { numRuns: 100 },
    );
  });
});

describe('the state of service hooks', () => {
  const hook = (status: Subscription['status'], id = 'a'): Subscription => ({
    id,
    eventType: 'build.complete',
    status,
  });
  const told = (...looks: Subscription[][]) => {
    let memory: HookMemory | null = null;
    return looks.map((subscriptions) => {
      const look = hookNews(memory, subscriptions);
      memory = look.memory;
      return look.news.map((news) => (news.kind === 'broken' ? news.status : news.kind));
    });
  };

  it('is told once per change, and again when it is well', () => {
    expect(
      told(
        [hook('enabled')],
        [hook('onProbation')],
        [hook('onProbation')],
        [hook('disabledBySystem')],
        [hook('disabledBySystem')],
        [hook('enabled')],
        [hook('enabled')],
      ),
    ).toEqual([[], ['onProbation'], [], ['disabledBySystem'], [], ['well'], []]);
  });

  it('that is bad at the first look is told, and one that vanished too', () => {
    expect(told([hook('disabledByUser'), hook('enabled', 'b')], [hook('disabledByUser')], [])).toEqual([
      ['disabledByUser'],
      ['removed'],
      ['removed'],
    ]);
  });

  it('that there is none at all is told once', () => {
    expect(told([], [], [hook('enabled')])).toEqual([['none'], [], []]);
  });
});
