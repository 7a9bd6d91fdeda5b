import { canonicalJson } from '../../core/journal/canonical-json.ts';
import type { DecideContext, Loop } from '../../core/loops/loop.ts';
import { SHELL_ENTRIES } from './journal-fold.ts';
import { lifted, type Upcaster } from './journal-upcast.ts';

export interface Decided {
  facts: { type: string; data: unknown }[];
  effects: { kind: string; data: unknown }[];
}

export interface Redecision {
  /** How many events were decided again. */
  events: number;
  /** `seq` and `event`: the line of the event. */
  differences: { seq: number; event: string; recorded: Decided; today: Decided | { error: string } }[];
}

/**
 * Decides every recorded event anew with today's code. Each one is decided in the state that the journal had
 * reached: a difference is shown where it arises, and not once more for all that followed from it.
 */
export function redecide<State, Event extends { type: string }, Fact extends { type: string; data: unknown }>(
  loop: Loop<State, Event, Fact>,
  from: State,
  entries: readonly { seq: number; at: number; type: string; v: number; data: unknown }[],
  upcasters: readonly Upcaster[],
  contextAt: (atMs: number) => DecideContext,
): Redecision {
  let state = from;
  const found: Redecision = { events: 0, differences: [] };
  for (let n = 0; n < entries.length; ) {
    const entry = entries[n] as (typeof entries)[number];
    n += 1;
    if (entry.type !== 'received') continue;
    const { event } = entry.data as { event: Event };
    const recorded: Decided = { facts: [], effects: [] };
    let after = state;
    for (let line = entries[n]; line !== undefined && line.type !== 'received'; line = entries[++n]) {
      if (line.type === 'effect_requested') {
        const { kind, data } = line.data as { kind: string; data: unknown };
        recorded.effects.push({ kind, data });
      } else if (!SHELL_ENTRIES.includes(line.type)) {
        const fact = { type: line.type, data: lifted(line, upcasters) };
        recorded.facts.push(fact);
        after = loop.evolve(after, fact as Fact, line.at);
      }
    }
    const today = decidedToday(() => loop.decide(state, event, contextAt(entry.at)));
    if (canonicalJson(today) !== canonicalJson(recorded))
      found.differences.push({ seq: entry.seq, event: event.type, recorded, today });
    found.events += 1;
    state = after;
  }
  return found;
}

function decidedToday(decide: () => Decided): Decided | { error: string } {
  try {
    const { facts, effects } = decide();
    return {
      facts: facts.map(({ type, data }) => ({ type, data })),
      effects: effects.map(({ kind, data }) => ({ kind, data })),
    };
  } catch (error) {
    return { error: String(error) };
  }
}
