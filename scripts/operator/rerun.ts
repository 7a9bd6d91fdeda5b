import type { OperatorApi } from './operator-api.ts';

const LOOK_EVERY_MS = 2_000;

interface Run {
  status: string;
  endReason: string | null;
  endDetail: string | null;
  imageDigest: string | null;
  costMicroUsd: number;
  reported: { value: unknown } | null;
  intents: { id: string; body: { kind: string } }[];
}

/** Does a run again and waits for its end; what it would have done outside is shown, never done. */
export async function rerun(api: OperatorApi, id: string): Promise<string> {
  const { run } = await api.send<{ run: string }>('POST', `/api/runs/${encodeURIComponent(id)}/rerun`);
  for (;;) {
    const seen = await api.get<Run>(`/api/runs/${run}`);
    if (seen.status === 'ended')
      return [
        `${run} (again ${id}) ended: ${seen.endReason}${seen.endDetail ? `, ${seen.endDetail}` : ''}`,
        `Image ${seen.imageDigest ?? 'unknown'}; cost $${(seen.costMicroUsd / 1_000_000).toFixed(4)}`,
        `Proposed, not performed: ${seen.intents.map(({ id, body }) => `${body.kind} ${id}`).join(', ') || 'nothing'}`,
        JSON.stringify(seen.reported?.value ?? null, null, 2),
      ].join('\n');
    await new Promise((done) => setTimeout(done, LOOK_EVERY_MS));
  }
}
