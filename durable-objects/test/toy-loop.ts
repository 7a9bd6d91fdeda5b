import type { Loop } from '../../core/loops/loop.ts';

export interface ToyState {
  sum: number;
  timer: { name: string; dueAt: number } | null;
}

export type ToyEvent =
  | { type: 'add'; data: { n: number; tell: number } }
  | { type: 'wait'; data: { until: number } }
  | { type: 'explode'; data: Record<string, never> };

export type ToyFact =
  | { type: 'added'; data: { n: number } }
  | { type: 'waiting'; data: { until: number } }
  | { type: 'bad'; data: { n: unknown } };

/** The smallest loop that has facts, effects and a timer. */
export const toyLoop: Loop<ToyState, ToyEvent, ToyFact> = {
  name: 'toy',
  initial: () => ({ sum: 0, timer: null }),
  decide(_, event) {
    if (event.type === 'wait')
      return {
        facts: [{ type: 'waiting', data: event.data }],
        effects: [{ kind: 'end_turn', data: { group: 'x', message: 'm' } }],
      };
    // A function is not JSON: writing the journal fails in the middle of the transaction.
    if (event.type === 'explode')
      return {
        facts: [
          { type: 'added', data: { n: 100 } },
          { type: 'bad', data: { n: () => {} } },
        ],
        effects: [],
      };
    return {
      facts: [{ type: 'added', data: { n: event.data.n } }],
      effects: Array.from({ length: event.data.tell }, (_, index) => ({
        kind: 'notify_operator' as const,
        data: { message: `m${index}`, class: 'detected' as const, text: 'hello', buttons: [] },
      })),
    };
  },
  evolve(state, fact) {
    if (fact.type === 'added') return { ...state, sum: state.sum + fact.data.n };
    if (fact.type === 'waiting') return { ...state, timer: { name: 'wait', dueAt: fact.data.until } };
    return state;
  },
  timers: ({ timer }) => (timer ? [timer] : []),
  status: ({ sum }) => (sum > 10 ? 'big' : 'small'),
  episode: () => 1,
};
