import type { RunRow } from '../../workers/db/schema.ts';
import type { RunRecord } from './run-record.ts';

/** A run as D1 shows it. */
export function runRow(record: RunRecord): RunRow {
  const { spec } = record;
  return {
    id: spec.run,
    seq: record.version,
    group: spec.group,
    kind: spec.kind,
    purpose: spec.purpose,
    incident: spec.incident,
    episode: spec.episode,
    model: record.model,
    status: record.status,
    fence: record.fence,
    runner: record.runner,
    image: record.image,
    imageDigest: record.imageDigest,
    requestedAt: record.requestedAt,
    startedAt: record.startedAt,
    endedAt: record.endedAt,
    endReason: record.endReason,
    turns: record.turns,
    toolCalls: record.toolCalls,
    costMicroUsd: record.costMicroUsd,
    transcript: record.transcript?.sha256 ?? null,
  };
}
