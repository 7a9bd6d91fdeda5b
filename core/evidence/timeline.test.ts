import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { describeSamples } from '../../test/samples.ts';
import {
  failedLeaves,
  guiltyLeaves,
  parseTimeline,
  type TimelineRecord,
  timelineSchema,
} from './timeline.ts';

function timeline(...records: Partial<TimelineRecord>[]) {
  return timelineSchema.parse({ records: records.map((record) => ({ type: 'Task', ...record })) });
}

const tree: Partial<TimelineRecord>[] = [
  { id: 'stage', type: 'Stage', name: '__default', result: 'failed' },
  { id: 'phase', type: 'Phase', name: 'Job', parentId: 'stage', result: 'failed' },
  { id: 'job', type: 'Job', name: 'Job', parentId: 'phase', result: 'failed', log: { id: 9 } },
  { id: 'lint', name: 'Lint', parentId: 'job', result: 'succeeded', order: 2 },
  {
    id: 'test',
    name: 'Test',
    parentId: 'job',
    result: 'failed',
    order: 3,
    finishTime: '2026-11-20T10:00:05Z',
    issues: [{ type: 'error', message: "Bash exited with code '1'." }],
    log: { id: 7 },
  },
  { id: 'smoke', name: 'Smoke', parentId: 'job', result: 'skipped', order: 4 },
];

describe('failed leaves', () => {
  it('are the failed records that no failed record stands below', () => {
    const [leaf, ...others] = failedLeaves(timeline(...tree));
    expect(others).toEqual([]);
    expect(leaf).toMatchObject({ id: 'test', type: 'Task', name: 'Test', path: ['Job', 'Test'], logId: 7 });
    expect(leaf?.issues).toEqual([{ type: 'error', message: "Bash exited with code '1'." }]);
  });

  it('include a job that failed without a failed task, and a task without a log', () => {
    const leaves = failedLeaves(
      timeline(
        { id: 'a', type: 'Job', name: 'Lost agent', result: 'failed', order: 1 },
        { id: 'b', type: 'Job', name: 'Job', result: 'failed', order: 2 },
        { id: 'c', name: 'Test', parentId: 'b', result: 'Failed', log: null, issues: null },
      ),
    );
    expect(leaves.map((leaf) => [leaf.name, leaf.logId])).toEqual([
      ['Lost agent', null],
      ['Test', null],
    ]);
  });

  it('leave out a task that was retried and went green', () => {
    const job = { id: 'job', type: 'Job', name: 'Job', result: 'failed' };
    const retried = timeline(
      job,
      { id: '1', name: 'Flaky', parentId: 'job', result: 'failed', attempt: 1, order: 3 },
      {
        id: '2',
        name: 'Flaky',
        parentId: 'job',
        result: 'succeeded',
        attempt: 2,
        order: 3,
        previousAttempts: [{ attempt: 1 }],
      },
      { id: '3', name: 'Test', parentId: 'job', result: 'failed', order: 4 },
    );
    expect(failedLeaves(retried).map((leaf) => leaf.id)).toEqual(['3']);
  });

  it('leave out everything below an earlier attempt of a job', () => {
    const retried = timeline(
      { id: 'old', type: 'Job', name: 'Job', identifier: 'job', result: 'failed', attempt: 1 },
      { id: 'old-task', name: 'Test', parentId: 'old', result: 'failed' },
      {
        id: 'new',
        type: 'Job',
        name: 'Job',
        identifier: 'job',
        result: 'succeeded',
        attempt: 2,
        previousAttempts: [{ attempt: 1, recordId: 'old' }],
      },
      { id: 'new-task', name: 'Test', parentId: 'new', result: 'succeeded' },
    );
    expect(failedLeaves(retried)).toEqual([]);
  });

  it('keep two tasks apart that share a name', () => {
    const leaves = failedLeaves(
      timeline(
        { id: 'job', type: 'Job', name: 'Job', result: 'failed' },
        { id: '1', name: 'CmdLine', parentId: 'job', result: 'failed', order: 2 },
        { id: '2', name: 'CmdLine', parentId: 'job', result: 'succeeded', order: 3 },
      ),
    );
    expect(leaves.map((leaf) => leaf.id)).toEqual(['1']);
  });

  it('do not count what was canceled because something else failed', () => {
    const leaves = failedLeaves(
      timeline(...tree, {
        id: 'other',
        type: 'Job',
        name: 'Other',
        result: 'canceled',
        issues: [{ type: 'error', message: 'canceled' }],
      }),
    );
    expect(leaves.map((leaf) => leaf.id)).toEqual(['test']);
  });

  it('come in the order in which they failed', () => {
    const leaves = failedLeaves(
      timeline(
        { id: 'late', name: 'B', result: 'failed', finishTime: '2026-11-20T10:00:09.5Z', order: 1 },
        { id: 'never', name: 'C', result: 'failed', order: 1 },
        { id: 'early', name: 'A', result: 'failed', finishTime: '2026-11-20T10:00:01Z', order: 9 },
      ),
    );
    expect(leaves.map((leaf) => leaf.id)).toEqual(['early', 'late', 'never']);
  });

  it('are none in an empty timeline', () => {
    expect(failedLeaves(parseTimeline('{"records":null}'))).toEqual([]);
  });
});

describe('guilty leaves', () => {
  it('are the tolerated errors of a partially succeeded build', () => {
    const leaves = guiltyLeaves(
      timeline(
        {
          id: 'job',
          type: 'Job',
          name: 'Job',
          result: 'succeededWithIssues',
          issues: [{ type: 'error', message: 'x' }],
        },
        {
          id: 'audit',
          name: 'Audit',
          parentId: 'job',
          result: 'succeededWithIssues',
          issues: [{ type: 'error', message: 'x' }],
        },
        {
          id: 'warned',
          name: 'Warned',
          parentId: 'job',
          result: 'succeededWithIssues',
          issues: [{ type: 'warning', message: 'x' }],
        },
      ),
    );
    expect(leaves.map((leaf) => leaf.id)).toEqual(['audit']);
  });

  it('are the time-outs where nothing else failed', () => {
    const leaves = guiltyLeaves(
      timeline(
        {
          id: 'job',
          type: 'Job',
          name: 'Job',
          result: 'canceled',
          issues: [{ type: 'error', message: 'ran longer than 60 minutes' }],
        },
        { id: 'test', name: 'Test', parentId: 'job', result: 'canceled' },
      ),
    );
    expect(leaves.map((leaf) => leaf.id)).toEqual(['job']);
  });
});

describe('any timeline', () => {
  const record = fc.record({
    id: fc.integer({ min: 0, max: 14 }).map(String),
    parentId: fc.option(fc.integer({ min: 0, max: 14 }).map(String)),
    type: fc.constantFrom('Stage', 'Phase', 'Job', 'Task'),
    name: fc.constantFrom('a', 'b', 'c'),
    result: fc.constantFrom('failed', 'succeeded', 'canceled', 'skipped', 'succeededWithIssues', null),
    attempt: fc.integer({ min: 1, max: 3 }),
    order: fc.option(fc.integer({ min: 1, max: 3 })),
    finishTime: fc.constantFrom(null, '2026-01-01T00:00:00Z', '2026-01-01T00:00:01Z', 'never'),
  });

  it('has no leaf that stands above another, loops in it included', () => {
    fc.assert(
      fc.property(fc.array(record, { maxLength: 15 }), (records) => {
        const parsed = timelineSchema.parse({ records });
        const byId = new Map(parsed.records.map((entry) => [entry.id, entry]));
        const leaves = new Set(failedLeaves(parsed).map((leaf) => leaf.id));
        for (const id of leaves) {
          const seen = new Set([id]);
          let above = byId.get(id)?.parentId;
          while (above && !seen.has(above)) {
            expect(leaves.has(above)).toBe(false);
            seen.add(above);
            above = byId.get(above)?.parentId;
          }
        }
      }),
    );
  });

  it('has only failed leaves', () => {
    fc.assert(
      fc.property(fc.array(record, { maxLength: 15 }), (records) => {
        for (const leaf of failedLeaves(timelineSchema.parse({ records })))
          expect(leaf.result).toBe('failed');
      }),
    );
  });
});

describeSamples('published timelines', 'azure-devops-rest/timelines', (timelines) => {
  const read = (name: string) =>
    parseTimeline(gunzipSync(readFileSync(`${timelines}/${name}.json.gz`)).toString());

  it('ended green after a retry: nothing failed', () => {
    const parsed = read('timeline3');
    expect(parsed.records.length).toBeGreaterThan(1_900);
    expect(guiltyLeaves(parsed)).toEqual([]);
  });

  it('of its first attempt: one leaf with its log', () => {
    const leaves = failedLeaves(read('timeline3-part1'));
    expect(leaves.map((leaf) => [leaf.name, leaf.logId])).toEqual([['Send to Helix', 1679]]);
  });
});
