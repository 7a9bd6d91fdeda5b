import type { TaskState } from '../../core/loops/task/state.ts';
import type { RowsOf } from './incident-store.ts';

/** State rows of the task loop. */
export const taskRows: RowsOf<TaskState> = ({ incident, key, loop, seq, at, after, status, episode }) => [
  {
    table: 'incidents',
    row: {
      id: incident,
      seq,
      key,
      loop,
      episode,
      status,
      title: after.request === null ? key : `${after.request.group}: ${after.request.title}`,
      openedAt: after.requestedAt,
      updatedAt: at,
    },
  },
];
