import type { Attempt, PipelineState } from '../../core/loops/pipeline-recovery/state.ts';
import type { Projection } from '../../workers/db/projections.ts';
import { evidenceArtifacts } from '../shared/artifact-rows.ts';
import type { RowsOf } from './incident-store.ts';

/** State rows of the pipeline loop: the incident, and an approval per pull request. */
export const pipelineRows: RowsOf<PipelineState> = (change) => {
  const { incident, key, loop, seq, at, before, after, status, episode } = change;
  const rows: Projection[] = [
    {
      table: 'incidents',
      row: {
        id: incident,
        seq,
        key,
        loop,
        episode,
        status,
        title: titleOf(after, key),
        openedAt: after.episode?.startedAt ?? at,
        updatedAt: at,
      },
    },
  ];
  const evidence = after.episode?.evidence;
  if (evidence && evidence.build !== before.episode?.evidence?.build)
    rows.push(...evidenceArtifacts(evidence, { producedBy: incident, incident, run: null, at }));
  for (const attempt of after.episode?.attempts ?? []) {
    const row = approvalRow(after, attempt, incident, seq, at);
    const old = before.episode?.attempts.find(({ n }) => n === attempt.n);
    const oldRow = old ? approvalRow(before, old, incident, seq, at) : null;
    if (row && row.row.state !== oldRow?.row.state) rows.push(row);
  }
  return rows;
};

function titleOf({ ref, episode }: PipelineState, key: string): string {
  if (!episode) return key;
  const branch = (ref ?? episode.failure.ref).replace('refs/heads/', '');
  const step = episode.evidence ? `: ${episode.evidence.step.name}` : '';
  return `${episode.failure.repository} ${branch}${step}`;
}

type ApprovalProjection = Extract<Projection, { table: 'approvals' }>;

function approvalRow(
  state: PipelineState,
  { n, pullRequest, proposal }: Attempt,
  incident: string,
  seq: number,
  at: number,
): ApprovalProjection | null {
  if (!pullRequest) return null;
  const isWaiting = state.episode?.endedAt === null && pullRequest.status === 'active';
  return {
    table: 'approvals',
    row: {
      id: pullRequest.approval,
      seq,
      incident,
      attempt: n,
      kind: 'pull_request',
      title: proposal?.title ?? null,
      digest: proposal?.digest ?? null,
      commit: pullRequest.commit,
      pullRequest: pullRequest.id,
      url: pullRequest.url,
      state: pullRequest.verdict ?? (isWaiting ? 'waiting' : 'withdrawn'),
      by: pullRequest.by?.subject ?? null,
      via: pullRequest.via,
      askedAt: at,
      decidedAt: isWaiting && pullRequest.verdict === null ? null : at,
    },
  };
}
