import { z } from 'zod';

/**
 * Which records of an Azure DevOps timeline really failed.
 *
 * Failure climbs from a task to its job, phase and stage, so most failed records only repeat what a record
 * below them says. And a record of an attempt that was retried and went green is no failure at all.
 * Source: `GET {organisation}/{project}/_apis/build/builds/{id}/timeline`.
 */

const issueSchema = z.looseObject({ type: z.string().nullish(), message: z.string().nullish() });

const recordSchema = z.looseObject({
  id: z.string(),
  parentId: z.string().nullish(),
  type: z.string().nullish(),
  name: z.string().nullish(),
  identifier: z.string().nullish(),
  state: z.string().nullish(),
  result: z.string().nullish(),
  startTime: z.string().nullish(),
  finishTime: z.string().nullish(),
  order: z.number().nullish(),
  attempt: z.number().nullish(),
  previousAttempts: z
    .array(
      z.looseObject({
        attempt: z.number().nullish(),
        timelineId: z.string().nullish(),
        recordId: z.string().nullish(),
      }),
    )
    .nullish(),
  issues: z.array(issueSchema).nullish(),
  log: z.looseObject({ id: z.number() }).nullish(),
});

export const timelineSchema = z.looseObject({
  id: z.string().nullish(),
  records: z
    .array(recordSchema)
    .nullish()
    .transform((records) => records ?? []),
});

export type TimelineRecord = z.infer<typeof recordSchema>;
export type Timeline = z.infer<typeof timelineSchema>;

export type FailedLeaf = {
  id: string;
  /** `Stage`, `Job`, `Task`, `Checkpoint`… as Azure DevOps writes it. */
  type: string;
  name: string;
  /** Names from stage to this record, without phases and unnamed (`__default`) levels. */
  path: string[];
  /** `failed`; `succeededWithIssues` or `canceled` only from `guiltyLeaves`. */
  result: string;
  issues: { type: string; message: string }[];
  /** The log to fetch, or null when the record wrote none. */
  logId: number | null;
  startTime: string | null;
  finishTime: string | null;
  attempt: number;
};

/** Parses the answer's text; Azure DevOps may put a byte-order mark before it. Throws on what is no timeline. */
export function parseTimeline(text: string): Timeline {
  return timelineSchema.parse(JSON.parse(text.charCodeAt(0) === 0xfeff ? text.slice(1) : text));
}

/** Failed records with no failed record below them, in the order in which they failed. */
export function failedLeaves(timeline: Timeline): FailedLeaf[] {
  return leavesWhere(timeline, (record) => resultOf(record) === 'failed', standsAsFailed);
}

/**
 * What a recovery looks into: the failed leaves; where none failed, errors that were tolerated (a
 * `partiallySucceeded` build), else canceled records that carry an error, such as a time-out.
 */
export function guiltyLeaves(timeline: Timeline): FailedLeaf[] {
  const failed = failedLeaves(timeline);
  if (failed.length > 0) return failed;
  const tolerated = leavesWhere(
    timeline,
    (record) =>
      resultOf(record) === 'failed' || (resultOf(record) === 'succeededwithissues' && hasError(record)),
    (ancestors) => !ancestors.some((ancestor) => resultOf(ancestor) === 'succeeded'),
  );
  if (tolerated.length > 0) return tolerated;
  return leavesWhere(
    timeline,
    (record) => resultOf(record) === 'canceled' && hasError(record),
    standsAsFailed,
  );
}

function leavesWhere(
  timeline: Timeline,
  isGuilty: (record: TimelineRecord) => boolean,
  stands: (ancestors: TimelineRecord[]) => boolean,
): FailedLeaf[] {
  const byId = new Map(timeline.records.map((record) => [record.id, record]));
  const replaced = replacedRecords(timeline.records);
  const guilty = [...byId.values()].filter((record) => {
    if (!isGuilty(record) || replaced.has(record.id)) return false;
    const ancestors = ancestorsOf(record, byId);
    return stands(ancestors) && !ancestors.some((ancestor) => replaced.has(ancestor.id));
  });

  const aboveGuilty = new Set(
    guilty.flatMap((record) => ancestorsOf(record, byId).map((ancestor) => ancestor.id)),
  );
  return guilty
    .filter((record) => !aboveGuilty.has(record.id))
    .sort(byFailure)
    .map((record) => toLeaf(record, byId));
}

/** A record below one that ended well was retried or allowed to fail. */
function standsAsFailed(ancestors: TimelineRecord[]): boolean {
  return !ancestors.some((ancestor) => ['succeeded', 'succeededwithissues'].includes(resultOf(ancestor)));
}

/** Records of earlier attempts, which a later attempt of the same thing stands in for. */
function replacedRecords(records: TimelineRecord[]): Set<string> {
  const ids = new Set<string>();
  const newest = new Map<string, TimelineRecord>();
  for (const record of records) {
    for (const previous of record.previousAttempts ?? []) {
      if (previous.recordId && previous.recordId !== record.id) ids.add(previous.recordId);
    }
    const key = sameThingKey(record);
    const other = newest.get(key);
    if (!other || attemptOf(record) > attemptOf(other)) newest.set(key, record);
  }
  for (const record of records) {
    const last = newest.get(sameThingKey(record));
    if (last && attemptOf(last) > attemptOf(record) && isLaterAttempt(last, record)) ids.add(record.id);
  }
  return ids;
}

/** Two tasks of a job may share a name: a later attempt keeps the place, or names the attempt it replaces. */
function isLaterAttempt(later: TimelineRecord, earlier: TimelineRecord): boolean {
  const named = (later.previousAttempts ?? []).some((previous) => previous.attempt === attemptOf(earlier));
  return named || (later.order ?? null) === (earlier.order ?? null);
}

function sameThingKey(record: TimelineRecord): string {
  return JSON.stringify([record.parentId ?? null, record.type ?? '', record.identifier ?? record.name ?? '']);
}

function attemptOf(record: TimelineRecord): number {
  return record.attempt ?? 1;
}

function resultOf(record: TimelineRecord): string {
  return (record.result ?? '').toLowerCase();
}

function hasError(record: TimelineRecord): boolean {
  return (record.issues ?? []).some((issue) => issue.type?.toLowerCase() === 'error');
}

/** From the parent up; ends at a missing parent and at a record already seen. */
function ancestorsOf(record: TimelineRecord, byId: Map<string, TimelineRecord>): TimelineRecord[] {
  const ancestors: TimelineRecord[] = [];
  const seen = new Set([record.id]);
  let parent = record.parentId ? byId.get(record.parentId) : undefined;
  while (parent && !seen.has(parent.id)) {
    seen.add(parent.id);
    ancestors.push(parent);
    parent = parent.parentId ? byId.get(parent.parentId) : undefined;
  }
  return ancestors;
}

function byFailure(a: TimelineRecord, b: TimelineRecord): number {
  return (
    timeOf(a.finishTime) - timeOf(b.finishTime) ||
    (a.order ?? Number.MAX_SAFE_INTEGER) - (b.order ?? Number.MAX_SAFE_INTEGER) ||
    (a.id < b.id ? -1 : 1)
  );
}

function timeOf(text: string | null | undefined): number {
  const time = text ? Date.parse(text) : Number.NaN;
  return Number.isNaN(time) ? Number.MAX_SAFE_INTEGER : time;
}

function toLeaf(record: TimelineRecord, byId: Map<string, TimelineRecord>): FailedLeaf {
  const name = record.name ?? record.identifier ?? record.type ?? record.id;
  const above = ancestorsOf(record, byId)
    .reverse()
    .filter((ancestor) => ancestor.type?.toLowerCase() !== 'phase')
    .map((ancestor) => ancestor.name ?? '')
    .filter((level) => level !== '' && level !== '__default');
  return {
    id: record.id,
    type: record.type ?? '',
    name,
    path: [...above, name],
    result: record.result ?? '',
    issues: (record.issues ?? []).map((issue) => ({ type: issue.type ?? '', message: issue.message ?? '' })),
    logId: record.log?.id ?? null,
    startTime: record.startTime ?? null,
    finishTime: record.finishTime ?? null,
    attempt: attemptOf(record),
  };
}
