import type { Timer } from '../../core/loops/loop.ts';
import type { Projection } from '../../workers/db/projections.ts';
import type { OutboxItem } from '../shared/outbox.ts';

/** What every incident shows in D1, whatever its loop. */

export function deadLetterRow(
  incident: string,
  { key, kind, tries, error, body }: Pick<OutboxItem, 'key' | 'kind' | 'tries' | 'error' | 'body'>,
  letter: { state: 'dead' | 'replayed'; seq: number; at: number },
): Projection {
  const row = { key, kind, tries, error: error ?? '', body, ...letter };
  return {
    table: 'dead_letters',
    row: { id: `${incident}:${key}`, objectType: 'incident', object: incident, incident, ...row },
  };
}

/** Where a person's text lies. */
export const subjectRow = (incident: string, id: string, at: number): Projection => ({
  table: 'subjects',
  row: { id, objectType: 'incident', object: incident, at },
});

/** Timers that were set, moved or ended (`dueAt` null). */
export function timerRows(
  incident: string,
  seq: number,
  before: readonly Timer[],
  after: readonly Timer[],
): Projection[] {
  const due = (timers: readonly Timer[], name: string): number | null =>
    timers.find((timer) => timer.name === name)?.dueAt ?? null;
  const names = new Set([...before, ...after].map(({ name }) => name));
  return [...names]
    .filter((name) => due(before, name) !== due(after, name))
    .map((name) => ({
      table: 'timers',
      row: { objectType: 'incident', object: incident, name, seq, dueAt: due(after, name) },
    }));
}
