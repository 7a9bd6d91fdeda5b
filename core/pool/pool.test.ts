import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Priority } from '../contracts/priority.ts';
import { AGEING_MS, chooseNext, levelOf, orderOfWaiting, type WaitingRun } from './choose-next.ts';
import { findPlace, type HeldRun, LEASE_MS, type PoolView, type RunnerPlace, reserveOf } from './slots.ts';

const GROUPS = ['ryan', 'cody', 'sam', 'team'];

const place = (name: string, change: Partial<RunnerPlace> = {}): RunnerPlace => ({
  name,
  capacity: 3,
  lastSeenAt: 0,
  drained: false,
  ...change,
});

const view = (change: Partial<PoolView> = {}): PoolView => ({
  held: [],
  runners: [place('one'), place('two')],
  slots: { heavy: 15, light: 15 },
  stopped: false,
  pausing: new Set(),
  maxConcurrentOf: () => 4,
  lastServed: () => 0,
  nowMs: 0,
  ...change,
});

const heavy = { group: 'cody', kind: 'heavy' as const, forPerson: false };
const on = (runner: string, change: Partial<HeldRun> = {}): HeldRun => ({ ...heavy, runner, ...change });

describe('where a run goes', () => {
  test('to the runner with most room; one that fell silent is tried only where there is no other', () => {
    expect(findPlace(heavy, view({ held: [on('one')] }))).toEqual({ ok: true, runner: 'two' });
    const runners = [place('one'), place('two', { lastSeenAt: -LEASE_MS - 1, capacity: 9 })];
    expect(findPlace(heavy, view({ runners }))).toEqual({ ok: true, runner: 'one' });
    expect(findPlace(heavy, view({ runners: runners.slice(1) }))).toEqual({ ok: true, runner: 'two' });
  });

  test('never to a drained one, and what that one still runs takes no room elsewhere', () => {
    const runners = [place('one', { drained: true }), place('two')];
    const held = ['a', 'b', 'c'].map((group) => on('one', { group }));
    expect(findPlace(heavy, view({ runners, held }))).toEqual({ ok: true, runner: 'two' });
    const all = runners.map((runner) => ({ ...runner, drained: true }));
    expect(findPlace(heavy, view({ runners: all }))).toEqual({ ok: false, because: 'runners_drained' });
  });

  test('and why it must wait', () => {
    const four = Array.from({ length: 4 }, () => on('one'));
    expect(findPlace(heavy, view({ stopped: true }))).toMatchObject({ because: 'stopped' });
    expect(findPlace(heavy, view({ pausing: new Set(['cody']) }))).toMatchObject({ because: 'group_pauses' });
    expect(findPlace(heavy, view({ held: four }))).toMatchObject({ because: 'group_limit' });
    expect(
      findPlace({ ...heavy, group: 'sam' }, view({ slots: { heavy: 4, light: 1 }, held: four })),
    ).toMatchObject({ because: 'no_free_slot' });
  });

  test.each([
    [15, 3],
    [9, 1],
    [3, 1],
    [2, 1],
    [1, 0],
  ])('of %i slots %i are kept for people', (capacity, kept) => {
    expect(reserveOf(capacity)).toBe(kept);
    const runners = [place('one', { capacity })];
    const held = Array.from({ length: capacity - kept }, (_, n) => on('one', { group: `g${n}` }));
    const answer = findPlace(heavy, view({ runners, held }));
    expect(answer).toEqual({ ok: false, because: kept > 0 ? 'kept_for_people' : 'no_free_slot' });
    if (kept > 0)
      expect(findPlace({ ...heavy, forPerson: true }, view({ runners, held }))).toMatchObject({ ok: true });
  });
});

const waits = (n: number, change: Partial<WaitingRun> = {}): WaitingRun => ({
  n,
  run: `run-${n}`,
  ...heavy,
  priority: 2,
  at: 0,
  ...change,
});

/** The oldest of each sort, as the store gives them. */
const headsOf = (waiting: readonly WaitingRun[]): WaitingRun[] => [
  ...new Map(
    [...waiting]
      .sort((a, b) => b.n - a.n)
      .map((run) => [[run.group, run.kind, run.priority, run.forPerson].join(), run]),
  ).values(),
];

describe('who is next', () => {
  const next = (waiting: WaitingRun[], change: Partial<PoolView> = {}) =>
    chooseNext(headsOf(waiting), view(change), () => true)?.run.run;

  test('the highest priority, a person half a step ahead, and after long enough anybody', () => {
    expect(next([waits(1), waits(2, { priority: 0 })])).toBe('run-2');
    expect(next([waits(1), waits(2, { forPerson: true })])).toBe('run-2');
    expect(next([waits(1, { priority: 1 }), waits(2, { priority: 3, forPerson: true })])).toBe('run-1');
    expect(levelOf(waits(1, { priority: 3 }), 3 * AGEING_MS)).toBe(0);
    const nowMs = 3 * AGEING_MS;
    expect(next([waits(1, { priority: 3 }), waits(2, { priority: 0, at: nowMs })], { nowMs })).toBe('run-1');
  });

  test('a group with one waiting does not stand behind a thousand of another', () => {
    const thousand = Array.from({ length: 1_000 }, (_, n) => waits(n + 1));
    const late = waits(2_000, { group: 'sam' });
    expect(next([...thousand, late], { held: [on('one')] })).toBe('run-2000');
    const order = orderOfWaiting([...thousand, late], view());
    expect(order.findIndex(({ run }) => run === 'run-2000')).toBe(1);
  });

  test('what cannot be paid holds up nothing else', () => {
    const [first, second] = [waits(1), waits(2, { group: 'sam' })];
    expect(chooseNext([first, second], view(), ({ group }) => group === 'sam')?.run).toBe(second);
    expect(chooseNext([first], view(), () => false)).toBeNull();
  });
});

const runs = fc.array(
  fc.record({
    group: fc.constantFrom(...GROUPS),
    kind: fc.constantFrom('heavy' as const, 'light' as const),
    priority: fc.constantFrom<Priority>(0, 1, 2, 3),
    forPerson: fc.boolean(),
  }),
  { maxLength: 80 },
);
const places = fc.array(
  fc.record({ capacity: fc.option(fc.integer({ min: 0, max: 6 })), drained: fc.boolean() }),
  { minLength: 1, maxLength: 4 },
);

interface World {
  waiting: WaitingRun[];
  held: (HeldRun & { run: string })[];
  served: Map<string, number>;
  grants: number;
}

const viewOf = (world: World, change: Partial<PoolView>): PoolView =>
  view({ ...change, held: world.held, lastServed: (group) => world.served.get(group) ?? 0 });

/** Grants as the store does until nothing more can go. */
function grantAll(world: World, change: Partial<PoolView>): void {
  for (;;) {
    const next = chooseNext(headsOf(world.waiting), viewOf(world, change), () => true);
    if (next === null) return;
    const { run, group, kind, forPerson } = next.run;
    world.waiting = world.waiting.filter((one) => one !== next.run);
    world.held.push({ run, group, kind, forPerson, runner: next.runner });
    world.grants += 1;
    world.served.set(group, world.grants);
  }
}

const worldOf = (asked: readonly Omit<WaitingRun, 'n' | 'run' | 'at'>[]): World => ({
  waiting: asked.map((run, n) => ({ ...run, n, run: `run-${n}`, at: 0 })),
  held: [],
  served: new Map(),
  grants: 0,
});

describe('whatever asks, in whatever order runs end', () => {
  const property = (check: (world: World, runners: RunnerPlace[], slots: PoolView['slots']) => void) =>
    fc.assert(
      fc.property(
        runs,
        places,
        fc.integer({ min: 0, max: 15 }),
        fc.infiniteStream(fc.nat()),
        (asked, given, heavySlots, picks) => {
          const runners = given.map((one, n) => place(`r${n}`, one));
          const slots = { heavy: heavySlots, light: 4 };
          const world = worldOf(asked);
          for (let round = 0; round < 200; round++) {
            grantAll(world, { runners, slots });
            check(world, runners, slots);
            if (world.held.length === 0) break;
            world.held.splice(picks.next().value % world.held.length, 1);
          }
        },
      ),
      { numRuns: 200 },
    );

  test('no capacity is exceeded, nothing goes to a drained runner, no group goes over its limit', () =>
    property(({ held }, runners, slots) => {
      for (const kind of ['heavy', 'light'] as const)
        expect(held.filter((run) => run.kind === kind).length).toBeLessThanOrEqual(slots[kind]);
      for (const { name, capacity, drained } of runners) {
        const used = held.filter(({ runner }) => runner === name).length;
        expect(used).toBeLessThanOrEqual(drained ? 0 : (capacity ?? slots.heavy));
      }
      for (const group of GROUPS)
        expect(held.filter((run) => run.group === group).length).toBeLessThanOrEqual(4);
    }));

  test('what is kept for people is taken by nobody else', () =>
    property(({ held }, runners, slots) => {
      const open = runners.filter(({ drained }) => !drained);
      const sum = open.reduce((total, { capacity }) => total + (capacity ?? slots.heavy), 0);
      const capacity = { heavy: Math.min(slots.heavy, sum), light: slots.light };
      for (const kind of ['heavy', 'light'] as const) {
        const others = held.filter((run) => run.kind === kind && !run.forPerson).length;
        expect(others).toBeLessThanOrEqual(capacity[kind] - reserveOf(capacity[kind]));
      }
    }));

  test('nobody waits for ever where there is a place: all are served in the end', () =>
    property((world, runners, slots) => {
      if (world.held.length > 0) return;
      const canGo = world.waiting.filter((run) => findPlace(run, viewOf(world, { runners, slots })).ok);
      expect(canGo).toEqual([]);
    }));

  test('one that waits is served although more urgent ones keep coming', () => {
    fc.assert(
      fc.property(fc.constantFrom<Priority>(1, 2, 3), fc.constantFrom(...GROUPS), (priority, group) => {
        const world = worldOf([{ group, kind: 'heavy', priority, forPerson: false }]);
        const runners = [place('one', { capacity: 1 })];
        for (let minute = 0; minute < 130; minute++) {
          const nowMs = minute * 60_000;
          for (const [index, other] of GROUPS.entries())
            world.waiting.push(waits(1_000 + minute * 10 + index, { group: other, priority: 0, at: nowMs }));
          // Alive all the time; each run takes a minute.
          grantAll(world, { runners: runners.map((one) => ({ ...one, lastSeenAt: nowMs })), nowMs });
          if (world.held.some(({ run }) => run === 'run-0')) return true;
          world.held = [];
        }
        return false;
      }),
    );
  });

  test('of one group, kind and priority they go in the order in which they came', () =>
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 40 }), fc.infiniteStream(fc.nat()), (count, picks) => {
        const world = worldOf(Array.from({ length: count }, () => ({ ...heavy, priority: 2 as const })));
        const served: string[] = [];
        while (world.waiting.length > 0 || world.held.length > 0) {
          grantAll(world, {});
          served.push(...world.held.map(({ run }) => run).filter((run) => !served.includes(run)));
          world.held.splice(picks.next().value % world.held.length, 1);
        }
        expect(served).toEqual(Array.from({ length: count }, (_, n) => `run-${n}`));
      }),
    ));

  test('the order shown begins with who is next, and within each group is the order of service', () =>
    fc.assert(
      fc.property(runs, (asked) => {
        const world = worldOf(asked.map((run) => ({ ...run, kind: 'light' as const, forPerson: true })));
        const shown = orderOfWaiting(world.waiting, viewOf(world, {})).map(({ run }) => run);
        const inOneGroup = (runs: string[]): string[][] =>
          GROUPS.map((group) => runs.filter((run) => asked[Number(run.slice(4))]?.group === group));
        grantAll(world, { slots: { heavy: 0, light: 1_000 }, maxConcurrentOf: () => 1_000 });
        const served = world.held.map(({ run }) => run);
        expect(served[0]).toBe(shown[0]);
        expect(inOneGroup(served)).toEqual(inOneGroup(shown));
      }),
    ));
});
