import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decideTurns, type Turn } from './group-queue-turns.ts';

const waiting = (id: string, thread: string): Turn => ({ id, thread, state: 'waiting' });

test('one turn per thread, in order of arrival', () => {
  expect(decideTurns([waiting('a', 't'), waiting('b', 't'), waiting('c', 'u')], 4)).toEqual(['a', 'c']);
});

test('a busy thread holds up no other', () => {
  const turns: Turn[] = [{ id: 'a', thread: 't', state: 'active' }, waiting('b', 't'), waiting('c', 'u')];
  expect(decideTurns(turns, 4)).toEqual(['c']);
});

test('never more than the limit at once, never two of a thread, never out of order', () => {
  const turn = fc.record({
    thread: fc.constantFrom('t', 'u', 'v', 'w', 'x', 'y'),
    state: fc.constantFrom('waiting' as const, 'active' as const),
  });
  fc.assert(
    fc.property(fc.array(turn, { maxLength: 20 }), (list) => {
      const turns = list.map((one, index) => ({ ...one, id: String(index) }));
      const granted = decideTurns(turns, 4).map((id) => turns[Number(id)] as Turn);
      const active = turns.filter(({ state }) => state === 'active');
      expect(granted.length === 0 || active.length + granted.length <= 4).toBe(true);
      const busy = new Set<string>(active.map(({ thread }) => thread));
      for (const { id, thread } of granted) {
        expect(busy.has(thread)).toBe(false);
        busy.add(thread);
        const earlier = turns.filter(
          (one) => one.thread === thread && one.state === 'waiting' && Number(one.id) < Number(id),
        );
        expect(earlier).toEqual([]);
      }
    }),
  );
});
