import type { Projection } from '../../workers/db/projections.ts';
import type { OutboxItem } from '../shared/outbox.ts';

/** What the pool could not say or tell: seen, and put back, like every other dead letter. */
export const poolLetter = (
  { key, kind, tries, body }: OutboxItem,
  error: string,
  state: 'dead' | 'replayed',
  at: number,
): Projection => ({
  table: 'dead_letters',
  row: {
    id: `run-pool:${key}`,
    seq: at,
    objectType: 'run_pool',
    object: 'pool',
    key,
    kind,
    incident: null,
    state,
    tries,
    error,
    body,
    at,
  },
});
