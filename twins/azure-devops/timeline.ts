/** Timeline records as `GET builds/{id}/timeline` gives them, and how results climb from tasks to stages. */
import { type Build, guidFrom } from './world.ts';

export type TimelineResult = 'succeeded' | 'succeededWithIssues' | 'failed' | 'canceled' | 'skipped';

export type TimelineIssue = {
  type: 'error' | 'warning';
  category: string | null;
  message: string;
  data?: Record<string, string>;
};

export type TimelineRecord = {
  id: string;
  parentId: string | null;
  type: 'Stage' | 'Checkpoint' | 'Phase' | 'Job' | 'Task';
  name: string;
  refName: string | null;
  identifier: string | null;
  startedAt?: number;
  finishedAt?: number;
  state: 'pending' | 'inProgress' | 'completed';
  result: TimelineResult | null;
  order: number;
  logId?: number;
  task: { id: string; name: string; version: string } | null;
  issues: TimelineIssue[];
  workerName: string | null;
  /** Changed with each transition, as the service counts. */
  changeId: number;
};

export type NewRecord = Pick<TimelineRecord, 'type' | 'name' | 'order'> &
  Partial<Pick<TimelineRecord, 'parentId' | 'refName' | 'identifier' | 'task' | 'workerName'>>;

export function addRecord(build: Build, record: NewRecord): TimelineRecord {
  const added: TimelineRecord = {
    id: guidFrom(`${build.planId}/${build.records.length}/${record.type}/${record.name}`),
    parentId: record.parentId ?? null,
    type: record.type,
    name: record.name,
    refName: record.refName ?? null,
    identifier: record.identifier ?? null,
    state: 'pending',
    result: null,
    order: record.order,
    task: record.task ?? null,
    issues: [],
    workerName: record.workerName ?? null,
    changeId: 1,
  };
  build.records.push(added);
  return added;
}

export function startRecord(record: TimelineRecord, at: number): void {
  record.state = 'inProgress';
  record.startedAt = at;
  record.changeId += 1;
}

export function finishRecord(record: TimelineRecord, result: TimelineResult, at: number): void {
  record.state = 'completed';
  record.result = result;
  record.finishedAt = at;
  record.changeId += 1;
}

/** The result of a parent: a failure wins over a cancel, a cancel over an issue; all skipped stays skipped. */
export function climb(results: readonly (TimelineResult | null)[]): TimelineResult {
  if (results.includes('failed')) return 'failed';
  if (results.includes('canceled')) return 'canceled';
  if (results.includes('succeededWithIssues')) return 'succeededWithIssues';
  if (results.length > 0 && results.every((result) => result === 'skipped')) return 'skipped';
  return 'succeeded';
}

export function countIssues(record: TimelineRecord, type: TimelineIssue['type']): number {
  return record.issues.filter((issue) => issue.type === type).length;
}
