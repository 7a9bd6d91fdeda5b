import { ONLY_ATTEMPT } from '../../core/loops/admin-request/policy.ts';
import type { AdminRequestState } from '../../core/loops/admin-request/state.ts';
import { titleOf } from '../../core/loops/admin-request/texts.ts';
import type { Projection } from '../../workers/db/projections.ts';
import type { RowsOf } from './incident-store.ts';

/** State rows of the admin-request loop: the incident, and what a person is asked. */
export const adminRequestRows: RowsOf<AdminRequestState> = (change) => {
  const { incident, key, loop, seq, at, before, after, status, episode } = change;
  const { filed, filedAt, approval, verdict } = after;
  if (filed === null || approval === null) return [];
  const title = titleOf(filed);
  const rows: Projection[] = [
    {
      table: 'incidents',
      row: { id: incident, seq, key, loop, episode, status, title, openedAt: filedAt, updatedAt: at },
    },
  ];
  if (before.status === after.status) return rows;
  rows.push({
    table: 'approvals',
    row: {
      id: approval,
      seq,
      incident,
      attempt: ONLY_ATTEMPT,
      kind: filed.intent.body.kind,
      title,
      digest: filed.intent.digest,
      commit: null,
      pullRequest: null,
      url: null,
      state:
        verdict?.word ?? (status === 'waiting' ? 'waiting' : status === 'expired' ? 'expired' : 'withdrawn'),
      by: verdict?.by.subject ?? null,
      via: verdict?.via ?? null,
      askedAt: filedAt,
      decidedAt: status === 'waiting' ? null : (verdict?.at ?? at),
    },
  });
  return rows;
};
