import type { Loop } from '../../core/loops/loop.ts';
import { lifted, type Upcaster } from './journal-upcast.ts';

/** Entries of the shell itself: everything else in a journal is a fact of the loop. */
export const SHELL_ENTRIES: readonly string[] = [
  'received',
  'effect_requested',
  'effect_retried',
  'subject_deleted',
  'subject_redacted',
];

interface Fact {
  type: string;
  data: unknown;
}

/** Folds recorded entries into a state. Reads no policy and no clock: the same entries give the same state. */
export function foldEntries<State, Event extends { type: string }, F extends Fact>(
  loop: Pick<Loop<State, Event, F>, 'evolve'>,
  from: State,
  entries: Iterable<{ type: string; v: number; at: number; data: unknown }>,
  upcasters: readonly Upcaster[],
): State {
  let state = from;
  for (const entry of entries) {
    if (SHELL_ENTRIES.includes(entry.type)) continue;
    state = loop.evolve(state, { type: entry.type, data: lifted(entry, upcasters) } as F, entry.at);
  }
  return state;
}
