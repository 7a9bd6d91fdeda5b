import type { ScheduleDefinition } from './definition.ts';

/**
 * By how many milliseconds this due time is put off: by chance as it looks, yet always the same, at most
 * `jitterMs` and at most half the time to the next due time, so that their order stays. Pure.
 */
export function jitterOf(
  { id, jitterMs }: Pick<ScheduleDefinition, 'id' | 'jitterMs'>,
  dueAt: number,
  nextDueAt: number | null,
): number {
  const half = nextDueAt === null ? jitterMs : Math.floor((nextDueAt - dueAt) / 2);
  return hash(`${id}:${dueAt}`) % (Math.min(jitterMs, half) + 1);
}

/** FNV-1a with the finaliser of MurmurHash3: neighbours in time differ in all bits. */
function hash(text: string): number {
  let state = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) state = Math.imul(state ^ text.charCodeAt(i), 0x01000193);
  state = Math.imul(state ^ (state >>> 16), 0x85ebca6b);
  state = Math.imul(state ^ (state >>> 13), 0xc2b2ae35);
  return (state ^ (state >>> 16)) >>> 0;
}
