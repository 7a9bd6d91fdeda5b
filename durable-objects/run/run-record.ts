import type { z } from 'zod';
import type { Artifact } from '../../core/contracts/artifact.ts';
import type { Checkpoint } from '../../core/contracts/hand-off.ts';
import {
  fixResultSchema,
  judgementSchema,
  type Result,
  taskReportSchema,
} from '../../core/contracts/results.ts';
import type { RunnerEvent } from '../../core/contracts/run.ts';
import { dayOf } from '../../core/cost/caps.ts';
import type { RunSpec } from '../../core/loops/effects.ts';
import type { LoopEvent } from '../../core/loops/index.ts';

export type RunStatus = 'requested' | 'waiting' | 'leased' | 'running' | 'ended';
export type RunFailure = Extract<LoopEvent, { type: 'run_failed' }>['data']['reason'];

/** All that is known of a run; kept as one row. */
export interface RunRecord {
  spec: RunSpec;
  model: string;
  status: RunStatus;
  /** Grows with each change: the version of its row in D1. */
  version: number;
  fence: number;
  runner: string | null;
  /** Every lease it has had: who may speak of it, and under which fence. */
  grants: { fence: number; runner: string | null }[];
  /** Runners that performed an intent of it in another one's place. */
  lentTo: string[];
  /** Times a light run was begun. */
  tries: number;
  requestedAt: number;
  startedAt: number | null;
  endedAt: number | null;
  endReason: string | null;
  endDetail: string | null;
  /** After this time the run is given up, whatever its runner says. */
  deadlineAt: number | null;
  image: string | null;
  imageDigest: string | null;
  turns: number | null;
  toolCalls: number;
  costMicroUsd: number;
  /** For all its sessions together; null: not limited. */
  budgetMicroUsd: number | null;
  /** The cost by the UTC day of its calls: what the pool is told. */
  spentByDay: Record<string, number>;
  /** Leases that it has had: a task may go on in a fresh session. */
  sessions: number;
  /** Of these sessions, those that do not count: everything was stopped, or they were never begun. */
  excusedSessions: number;
  /** The lease under which it was told to stop; nothing is begun under it any more. */
  haltedFence: number;
  /** Where the next session would begin, and the lease under which it was kept. */
  checkpoint: Checkpoint | null;
  checkpointFence: number;
  /** The run that this one does again, in the same image; its intents are never performed. */
  rerun: { of: string; imageDigest: string | null } | null;
  /** The last `report`, unparsed. */
  reported: { value: unknown } | null;
  transcript: Artifact | null;
}

export function newRecord(
  spec: RunSpec,
  model: string,
  budgetMicroUsd: number | null,
  atMs: number,
): RunRecord {
  return {
    spec,
    model,
    status: 'requested',
    version: 0,
    fence: 0,
    runner: null,
    grants: [],
    lentTo: [],
    tries: 0,
    requestedAt: atMs,
    startedAt: null,
    endedAt: null,
    endReason: null,
    endDetail: null,
    deadlineAt: null,
    image: null,
    imageDigest: null,
    turns: null,
    toolCalls: 0,
    costMicroUsd: 0,
    budgetMicroUsd,
    spentByDay: {},
    sessions: 0,
    excusedSessions: 0,
    haltedFence: 0,
    checkpoint: null,
    checkpointFence: 0,
    rerun: null,
    reported: null,
    transcript: null,
  };
}

/** Fields that a record of an earlier deploy lacks have the values of a run with one session. */
export function parseRecord(json: string): RunRecord {
  const kept = JSON.parse(json) as Omit<RunRecord, 'grants' | 'spentByDay'> & { releasedMicroUsd?: number };
  const unbooked = kept.costMicroUsd - (kept.releasedMicroUsd ?? 0);
  const spentByDay = unbooked > 0 ? { [dayOf(kept.requestedAt)]: unbooked } : {};
  const grants = kept.fence > 0 ? [{ fence: kept.fence, runner: kept.runner }] : [];
  return { ...newRecord(kept.spec, kept.model, null, kept.requestedAt), grants, spentByDay, ...kept };
}

/** Whether it has a slot and a budget now. */
export const holdsLease = ({ status }: Pick<RunRecord, 'status'>): boolean =>
  status === 'leased' || status === 'running';

/** How a run came to its end: with a result under contract, or without. */
export type RunEnd =
  | { ok: true; result: Result }
  | { ok: false; reason: RunFailure; detail: string; invalid?: unknown };

const RESULT_SCHEMAS: Record<RunSpec['purpose'], z.ZodType<Result>> = {
  judge: judgementSchema,
  fix: fixResultSchema,
  task: taskReportSchema,
};

export const resultSchemaOf = (purpose: RunSpec['purpose']): z.ZodType<Result> => RESULT_SCHEMAS[purpose];

/** A valid report stands, however the session ended after it. */
export function decideEnd(
  purpose: RunSpec['purpose'],
  reported: RunRecord['reported'],
  ended: Extract<RunnerEvent, { type: 'ended' }>['data'],
): RunEnd {
  if (reported !== null) {
    const parsed = resultSchemaOf(purpose).safeParse(reported.value);
    if (parsed.success) return { ok: true, result: parsed.data };
    if (ended.reason === 'completed')
      return {
        ok: false,
        reason: 'invalid_result',
        detail: parsed.error.issues
          .slice(0, 10)
          .map((issue) => `${issue.path.join('.')}: ${issue.message}`)
          .join('; '),
        invalid: reported.value,
      };
  }
  const reason = ended.reason === 'completed' ? 'no_result' : ended.reason;
  return { ok: false, reason, detail: ended.detail };
}

/** What the incident hears. */
export function endEvent(record: RunRecord, end: RunEnd): LoopEvent {
  const { fence, costMicroUsd } = record;
  const { run } = record.spec;
  return end.ok
    ? { type: 'run_finished', data: { run, fence, result: end.result, costMicroUsd } }
    : {
        type: 'run_failed',
        data: { run, fence, reason: end.reason, detail: end.detail.slice(0, 2_000), costMicroUsd },
      };
}
