import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Priority } from '../contracts/priority.ts';
import { decideAnswer, decideSteering, decideTurns, lineUp, type Turn } from './turns.ts';

const turn = (id: string, thread: string, change: Partial<Turn> = {}): Turn => ({
  id,
  thread,
  state: 'waiting',
  priority: 2,
  readyAt: 0,
  ...change,
});

const anyTurns = fc
  .array(
    fc.record({
      thread: fc.constantFrom('t', 'u', 'v', 'w', 'x', 'y'),
      priority: fc.constantFrom<Priority[]>(0, 1, 2, 3),
      readyAt: fc.nat(50),
      isActive: fc.boolean(),
    }),
    { maxLength: 24 },
  )
  .map((list) => {
    const busy = new Set<string>();
    return list.map(({ thread, priority, readyAt, isActive }, index): Turn => {
      // What is active was the first of its thread to come, and is the only one.
      const begins = isActive && !list.slice(0, index).some((one) => one.thread === thread);
      if (begins) busy.add(thread);
      return turn(`m${index}`, thread, { priority, readyAt, state: begins ? 'active' : 'waiting' });
    });
  });

const indexOf = (id: string): number => Number(id.slice(1));

describe('whose turn it is', () => {
  test('one turn per thread, in order of arrival; a busy thread holds up no other', () => {
    expect(decideTurns([turn('a', 't'), turn('b', 't'), turn('c', 'u')], 4)).toEqual(['a', 'c']);
    expect(decideTurns([turn('a', 't', { state: 'active' }), turn('b', 't'), turn('c', 'u')], 4)).toEqual([
      'c',
    ]);
  });

  test('what is urgent passes other threads, never its own', () => {
    const turns = [turn('a', 't', { priority: 3 }), turn('b', 'u'), turn('c', 't', { priority: 0 })];
    expect(decideTurns(turns, 1)).toEqual(['a']);
    expect(lineUp(turns)).toEqual(['a', 'c', 'b']);
  });

  test('a thread that was just served stands behind those that became ready meanwhile', () => {
    const turns = [turn('a2', 't', { readyAt: 9 }), turn('b', 'u', { readyAt: 5 })];
    expect(decideTurns(turns, 1)).toEqual(['b']);
  });

  test('never more than the limit at once, never two of a thread, never out of order in it', () => {
    fc.assert(
      fc.property(anyTurns, fc.integer({ min: 1, max: 5 }), (turns, limit) => {
        const granted = decideTurns(turns, limit).map((id) => turns[indexOf(id)] as Turn);
        const active = turns.filter(({ state }) => state === 'active');
        expect(granted.length === 0 || active.length + granted.length <= limit).toBe(true);
        const busy = new Set(active.map(({ thread }) => thread));
        for (const { id, thread } of granted) {
          expect(busy.has(thread)).toBe(false);
          busy.add(thread);
          const first = turns.find((one) => one.thread === thread && one.state === 'waiting');
          expect(first?.id).toBe(id);
        }
      }),
    );
  });

  test('no slot stays empty while a thread could use it', () => {
    fc.assert(
      fc.property(anyTurns, fc.integer({ min: 1, max: 5 }), (turns, limit) => {
        const active = turns.filter(({ state }) => state === 'active');
        const granted = decideTurns(turns, limit);
        const busy = new Set(
          [...active, ...turns.filter(({ id }) => granted.includes(id))].map((t) => t.thread),
        );
        const left = turns.some(({ state, thread }) => state === 'waiting' && !busy.has(thread));
        expect(left && active.length + granted.length < limit).toBe(false);
      }),
    );
  });

  test('no thread is passed by another of no higher urgency that became ready later', () => {
    fc.assert(
      fc.property(anyTurns, (turns) => {
        const [first] = decideTurns(turns, turns.length).map((id) => turns[indexOf(id)] as Turn);
        if (first === undefined) return;
        const rank = (thread: string) =>
          Math.min(
            ...turns.filter((one) => one.thread === thread && one.state === 'waiting').map((t) => t.priority),
          );
        for (const other of decideTurns(turns, turns.length).map((id) => turns[indexOf(id)] as Turn))
          if (rank(other.thread) <= rank(first.thread))
            expect(other.readyAt).toBeGreaterThanOrEqual(first.readyAt);
      }),
    );
  });

  /** A day at the queue: what arrives, what is served, with the clock as a counter. */
  function serve(arrivals: { thread: string; priority: Priority }[][], limit: number): string[] {
    const waiting: Turn[] = [];
    const servedAt = new Map<string, number>();
    const served: string[] = [];
    let count = 0;
    for (let now = 0; now < 200 && (now < arrivals.length || waiting.length > 0); now++) {
      for (const { thread, priority } of arrivals[now] ?? [])
        waiting.push(turn(`m${count++}`, thread, { priority, readyAt: now }));
      const current = waiting.map((one) => ({
        ...one,
        readyAt: Math.max(one.readyAt, servedAt.get(one.thread) ?? 0),
      }));
      for (const id of decideTurns(current, limit)) {
        const [one] = waiting.splice(
          waiting.findIndex((candidate) => candidate.id === id),
          1,
        );
        served.push(id);
        if (one) servedAt.set(one.thread, now + 1);
      }
    }
    return served;
  }

  test('a chatty thread starves no other of the same priority', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 0, max: 20 }), (flood, at) => {
        const arrivals = Array.from({ length: at + 1 }, (_, now) => [
          ...(now === 0
            ? Array.from({ length: flood }, () => ({ thread: 'loud', priority: 2 as const }))
            : []),
          ...(now === at ? [{ thread: 'quiet', priority: 2 as const }] : []),
        ]);
        const served = serve(arrivals, 1);
        expect(served).toHaveLength(flood + 1);
        // One turn of the loud thread may be ready at the very moment when the quiet one speaks.
        expect(served.indexOf(`m${flood}`)).toBeLessThanOrEqual(at + 1);
      }),
    );
  });

  test('whatever arrives is served in the end, in order within its thread', () => {
    const arrival = fc.record({
      thread: fc.constantFrom('t', 'u', 'v'),
      priority: fc.constantFrom<Priority[]>(0, 1, 2, 3),
    });
    fc.assert(
      fc.property(fc.array(fc.array(arrival, { maxLength: 3 }), { maxLength: 15 }), (arrivals) => {
        const all = arrivals.flat();
        const served = serve(arrivals, 2);
        expect(served.map(indexOf).toSorted((a, b) => a - b)).toEqual(all.map((_, index) => index));
        for (const thread of ['t', 'u', 'v']) {
          const own = served.map(indexOf).filter((index) => all[index]?.thread === thread);
          expect(own).toEqual(own.toSorted((a, b) => a - b));
        }
      }),
    );
  });
});

test('the line holds each waiting turn once, in order within its thread, and begins with who is next', () => {
  fc.assert(
    fc.property(anyTurns, (turns) => {
      const line = lineUp(turns);
      const waiting = turns.filter(({ state }) => state === 'waiting');
      expect(line.toSorted()).toEqual(waiting.map(({ id }) => id).toSorted());
      for (const thread of new Set(waiting.map((one) => one.thread))) {
        const own = line.filter((id) => turns[indexOf(id)]?.thread === thread).map(indexOf);
        expect(own).toEqual(own.toSorted((a, b) => a - b));
      }
      const free = turns.filter(({ state }) => state === 'waiting');
      expect(decideTurns(free, 1)).toEqual(lineUp(free).slice(0, 1));
    }),
  );
});

describe('which running turn a message joins', () => {
  const active = [
    { id: 'old', thread: 't', grantedAt: 1 },
    { id: 'new', thread: 'u', grantedAt: 2 },
  ];
  test('that of its own thread, else the newest; none when none runs', () => {
    expect(decideSteering('t', active, false)).toBe('old');
    expect(decideSteering('x', active, false)).toBe('new');
    expect(decideSteering('x', [], false)).toBeNull();
  });
  test('a reply chooses, whatever else there is, as long as that turn goes on', () => {
    expect(decideSteering('t', active, true, 'new')).toBe('new');
    expect(decideSteering('t', active, false, 'over')).toBe('old');
  });
  test('it does not overtake what waits in its thread', () => {
    expect(decideSteering('t', active, true)).toBeNull();
  });
});

test('an answer goes to the session that waits for it, else to a turn; of canceled work it is only noted', () => {
  expect(decideAnswer({ state: 'active', isCanceled: false })).toBe('steering');
  expect(decideAnswer({ state: 'done', isCanceled: false })).toBe('turn');
  expect(decideAnswer({ state: 'parked', isCanceled: false })).toBe('turn');
  expect(decideAnswer(null)).toBe('turn');
  expect(decideAnswer({ state: 'active', isCanceled: true })).toBe('noted');
});
