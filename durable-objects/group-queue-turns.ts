/** A message that asks the group's agent to act, in the order of arrival. */
export interface Turn {
  id: string;
  thread: string;
  state: 'waiting' | 'active';
}

/**
 * Which waiting turns begin now: in order, one at a time per thread, at most `maxConcurrent` in the group.
 * A turn whose thread is busy waits and holds up no other thread.
 */
export function decideTurns(turns: readonly Turn[], maxConcurrent: number): string[] {
  const busy = new Set(turns.filter(({ state }) => state === 'active').map(({ thread }) => thread));
  const granted: string[] = [];
  let active = turns.filter(({ state }) => state === 'active').length;
  for (const { id, thread, state } of turns) {
    if (active >= maxConcurrent) break;
    if (state !== 'waiting' || busy.has(thread)) continue;
    busy.add(thread);
    granted.push(id);
    active += 1;
  }
  return granted;
}
