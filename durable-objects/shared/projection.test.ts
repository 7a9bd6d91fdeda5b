import { runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { expect, test } from 'vitest';
import type { Projection } from '../../workers/db/projections.ts';
import { migrate } from './migrate.ts';
import { ProjectionQueue, projectionTable } from './projection.ts';
import { ProjectionFlush } from './projection-flush.ts';
import { sqlOf } from './sql.ts';

const row = (n: number): Projection => ({
  table: 'subjects',
  row: { id: `sub_${n}`, objectType: 'incident', object: 'inc', at: n },
});

let count = 0;
async function withQueue(check: (queue: ProjectionQueue) => void | Promise<void>): Promise<void> {
  count += 1;
  await runInDurableObject(env.TELEGRAM.getByName(`projection-${count}`), async (_, state) => {
    const sql = sqlOf(state.storage);
    sql.run('DROP TABLE IF EXISTS projection');
    sql.run('DELETE FROM _migrations');
    migrate(sql, [projectionTable]);
    await check(new ProjectionQueue(sql));
    sql.run('DELETE FROM projection');
  });
}

const ids = (batch: { projection: Projection }[]) =>
  batch.map(({ projection }) => (projection.table === 'subjects' ? projection.row.id : ''));

test('rows go in order, a batch at a time, and one by one after a failure', () =>
  withQueue((queue) => {
    queue.add(row(1), row(2), row(3));
    const batch = queue.next(2);
    expect(ids(batch)).toEqual(['sub_1', 'sub_2']);
    queue.failed(
      batch.map(({ n }) => n),
      'no',
    );
    expect(ids(queue.next(40))).toEqual(['sub_1']);
    queue.sent([batch[0]?.n ?? 0]);
    expect(ids(queue.next(40))).toEqual(['sub_2']);
  }));

/** Tries what is next until the queue has nothing more: `isBad` rows fail. */
function drain(queue: ProjectionQueue, isBad: (id: string) => boolean): void {
  for (let n = 0; n < 1_000 && queue.hasWaiting(); n++) {
    const batch = queue.next(40);
    const ns = batch.map((one) => one.n);
    if (ids(batch).some(isBad)) queue.failed(ns, 'bad row');
    else queue.sent(ns);
  }
}

test('a row that keeps failing while others go through is left behind', () =>
  withQueue((queue) => {
    queue.add(...[1, 2, 3, 4, 5, 6, 7].map(row));
    drain(queue, (id) => id === 'sub_1');
    expect(queue.hasWaiting()).toBe(false);
  }));

test('a row that failed for long is tried again when the database is back, before it is blamed', () =>
  withQueue((queue) => {
    queue.add(row(1), row(2), row(3));
    const sent: string[] = [];
    for (let n = 0; n < 5; n++) queue.failed([queue.next(40)[0]?.n ?? 0], 'away');
    while (queue.hasWaiting()) {
      const batch = queue.next(40);
      sent.push(...ids(batch));
      queue.sent(batch.map(({ n }) => n));
    }
    expect(sent.sort()).toEqual(['sub_1', 'sub_2', 'sub_3']);
  }));

test('while the database is away nothing is given up, however long it takes', () =>
  withQueue((queue) => {
    queue.add(row(1), row(2), row(3));
    for (let n = 0; n < 500; n++)
      queue.failed(
        queue.next(40).map((one) => one.n),
        'away',
      );
    expect(ids(queue.next(40))).toHaveLength(1);
    const sent: string[] = [];
    drain(queue, (id) => sent.push(id) < 0);
    expect(sent.sort()).toEqual(['sub_1', 'sub_2', 'sub_3']);
  }));

test('a flush that fails waits longer each time, and is not asked meanwhile', () =>
  withQueue(async (queue) => {
    let nowMs = 0;
    let calls = 0;
    const db = {
      prepare: () => {
        calls += 1;
        throw new Error('D1 is away');
      },
    } as unknown as D1Database;
    const flush = new ProjectionFlush({
      db,
      queue,
      now: () => nowMs,
      random: () => 0.999,
      changed: () => {},
    });
    queue.add(row(1));
    flush.kick();
    await flush.idle();
    const first = flush.nextAt() ?? 0;
    expect(first).toBeGreaterThan(0);
    flush.kick();
    await flush.idle();
    expect(calls).toBe(1);
    nowMs = first;
    flush.kick();
    await flush.idle();
    expect((flush.nextAt() ?? 0) - first).toBeGreaterThan(first);
  }));
