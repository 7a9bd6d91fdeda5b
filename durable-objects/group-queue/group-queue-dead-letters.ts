import type { Projection } from '../../workers/db/projections.ts';
import type { MessageRow } from './group-queue-rows.ts';

/** A dead letter of a group: it names its message and holds no text of it. */
export function deadLetterOf(
  group: string,
  message: Pick<MessageRow, 'id' | 'incident'>,
  letter: { key: string; kind: string; state: 'dead' | 'replayed'; tries: number; error: string; at: number },
): Projection {
  return {
    table: 'dead_letters',
    row: {
      id: `group:${group}:${letter.key}`,
      seq: letter.at,
      objectType: 'group_queue',
      object: group,
      incident: message.incident,
      body: message.id,
      ...letter,
    },
  };
}
