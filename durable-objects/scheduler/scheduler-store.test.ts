import { runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { describe, expect, test } from 'vitest';
import { MAX_WAITING, type ScheduleDefinition } from '../../core/schedules/definition.ts';
import { type Sql, sqlOf } from '../shared/sql.ts';
import type { HandOver } from './scheduler-rpc.ts';
import { type Deployed, SchedulerStore } from './scheduler-store.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const START = Date.UTC(2026, 4, 4);
let count = 0;

async function withSql(check: (sql: Sql) => void): Promise<void> {
  count += 1;
  await runInDurableObject(env.SCHEDULER.getByName(`store-${count}`), async (_, state) => {
    for (const table of ['schedules', 'firings', 'outbox', 'kept', 'projection', 'journal'])
      state.storage.sql.exec(`DELETE FROM ${table}`);
    check(sqlOf(state.storage));
    await state.storage.deleteAlarm();
  });
}

const withStore = (check: (store: SchedulerStore) => void): Promise<void> =>
  withSql((sql) => check(new SchedulerStore(sql, () => {})));

const hourly = (change: Partial<ScheduleDefinition> = {}): ScheduleDefinition => ({
  id: 'hourly',
  group: null,
  cron: '0 * * * *',
  timeZone: 'UTC',
  policy: 'latest',
  jitterMs: 0,
  overlap: 'skip',
  task: { kind: 'check_pipelines' },
  ...change,
});

/** What lies in the outbox to be handed on. */
const handed = (store: SchedulerStore): string[] =>
  store.outbox.items().map(({ body }) => (JSON.parse(body) as HandOver).firing);
const firings = (store: SchedulerStore, id = 'hourly') =>
  (store.view(id, START)?.firings ?? []).map(({ id: firing, status, note }) => ({ firing, status, note }));
const settle = (store: SchedulerStore, firing: string, at: number, part = 1): void =>
  store.settle({ firing, part }, { kind: 'nothing', note: 'all well' }, null, at);
const due = (hours: number): string => `hourly:${START + hours * HOUR}`;

describe('claims', () => {
  test('a tick that comes twice, late, or in two isolates at once claims each due time once', () =>
    withSql((sql) => {
      const one = new SchedulerStore(sql, () => {});
      const other = new SchedulerStore(sql, () => {});
      one.put(hourly(), 'operator', START);
      for (const store of [one, other, one]) store.claimDue(START + HOUR + 20_000);
      settle(other, due(1), START + HOUR + 30_000);
      for (const store of [other, one, other]) store.claimDue(START + 2 * HOUR + 40_000);
      expect(handed(one)).toEqual([due(1), due(2)]);
      expect(one.journal.findFault()).toBeNull();
    }));

  test('nothing is due before its time, and the next time is the alarm', () =>
    withStore((store) => {
      store.put(hourly(), 'operator', START + 1);
      expect(store.nextTimerAt()).toBe(START + HOUR);
      store.claimDue(START + HOUR - 1);
      expect(handed(store)).toEqual([]);
      store.claimDue(START + HOUR);
      expect(store.nextTimerAt()).toBe(START + HOUR + 30 * MINUTE);
      settle(store, due(1), START + HOUR);
      expect(store.nextTimerAt()).toBe(START + 2 * HOUR);
    }));

  test.each([
    ['skip', []],
    ['latest', [due(10)]],
    ['all', Array.from({ length: 10 }, (_, n) => due(n + 1))],
  ] as const)('after hours without a tick %s fires what it promises', (policy, expected) =>
    withStore((store) => {
      store.put(hourly({ policy }), 'operator', START + 1);
      store.claimDue(START + 10 * HOUR + 30 * MINUTE);
      const claimed = firings(store).filter(({ status }) => status !== 'skipped');
      expect(claimed.map(({ firing }) => firing).reverse()).toEqual(expected);
      const missed = firings(store).filter(({ firing }) => firing.includes(':missed:'));
      expect(missed).toHaveLength(policy === 'all' ? 0 : 1);
    }),
  );

  test('what was promised at one moment waits for each other, one after the other', () =>
    withStore((store) => {
      store.put(hourly({ policy: 'all' }), 'operator', START + 1);
      store.claimDue(START + 3 * HOUR + 30 * MINUTE);
      expect(handed(store)).toEqual([due(1)]);
      settle(store, due(1), START + 4 * HOUR - 3);
      settle(store, due(1), START + 4 * HOUR - 2);
      expect(handed(store)).toEqual([due(1), due(2)]);
      settle(store, due(2), START + 4 * HOUR - 1);
      expect(handed(store)).toEqual([due(1), due(2), due(3)]);
    }));
});

describe('a run that is still going', () => {
  test('has the next one skipped with a note, or queued by its setting', () =>
    withStore((store) => {
      store.put(hourly({ cron: '*/10 * * * *' }), 'operator', START + 1);
      store.put(hourly({ id: 'queued', cron: '*/10 * * * *', overlap: 'queue' }), 'operator', START + 1);
      store.claimDue(START + 10 * MINUTE);
      store.claimDue(START + 20 * MINUTE);
      expect(firings(store)[0]).toMatchObject({
        status: 'skipped',
        note: expect.stringContaining('still going'),
      });
      expect(firings(store, 'queued')[0]?.status).toBe('waiting');
      settle(store, `queued:${START + 10 * MINUTE}`, START + 21 * MINUTE);
      expect(firings(store, 'queued')[0]?.status).toBe('going');
    }));

  test('lets a bounded number wait', () =>
    withStore((store) => {
      store.put(hourly({ overlap: 'queue' }), 'operator', START + 1);
      const asked = Array.from({ length: MAX_WAITING + 2 }, (_, n) =>
        store.fire({ schedule: 'hourly', key: `k${n}`, cause: 'run', text: null, by: 'operator' }, START + 2),
      );
      expect(asked.at(-2)).toMatchObject({ status: 'waiting' });
      expect(asked.at(-1)).toMatchObject({ status: 'skipped', note: '10 wait already' });
    }));

  test('of which no end is heard is given up, and the next one goes', () =>
    withStore((store) => {
      store.put(hourly({ overlap: 'queue' }), 'operator', START + 1);
      store.claimDue(START + HOUR);
      store.fire(
        { schedule: 'hourly', key: 'now', cause: 'run', text: null, by: 'operator' },
        START + HOUR + 1,
      );
      store.claimDue(START + HOUR + 30 * MINUTE);
      expect(firings(store)).toMatchObject([
        { firing: 'hourly:run:now', status: 'going' },
        { firing: due(1), status: 'failed' },
      ]);
    }));

  test('is ended by the incident that took it over', () =>
    withStore((store) => {
      const task = { kind: 'agent', prompt: 'look', priority: 2 } as const;
      store.put(hourly({ group: 'sam', task }), 'operator', START + 1);
      store.claimDue(START + HOUR);
      store.settle({ firing: due(1), part: 1 }, { kind: 'going', target: 'inc_1' }, null, START + HOUR);
      store.claimDue(START + 2 * HOUR);
      expect(firings(store)[0]?.status).toBe('skipped');
      store.ended('inc_1', { kind: 'done', note: 'mended' }, START + 2 * HOUR + 1);
      store.ended('inc_other', { kind: 'failed', note: '' }, START + 2 * HOUR + 1);
      store.claimDue(START + 3 * HOUR);
      expect(firings(store).map(({ status }) => status)).toEqual(['going', 'skipped', 'done']);
    }));
});

describe('what somebody asks for', () => {
  const request = { schedule: 'hourly', key: 'k', cause: 'fire', text: 'hello', by: 'trigger' } as const;

  test('is one firing per key, and the same key with another text is a conflict', () =>
    withStore((store) => {
      store.put(hourly(), 'operator', START);
      expect(store.fire(request, START)).toMatchObject({ status: 'going', firing: 'hourly:fire:k' });
      expect(store.fire(request, START + 1)).toEqual({ status: 'duplicate', firing: 'hourly:fire:k' });
      expect(store.fire({ ...request, text: null }, START + 1)).toMatchObject({ status: 'conflict' });
      settle(store, 'hourly:fire:k', START + 2);
      expect(store.fire(request, START + 3)).toMatchObject({ status: 'duplicate' });
      expect(handed(store)).toEqual(['hourly:fire:k']);
      expect(JSON.stringify(store.journal.lines())).not.toContain('hello');
    }));

  test('of a paused schedule: the trigger is refused, the operator is not', () =>
    withStore((store) => {
      store.put(hourly(), 'operator', START);
      store.setPaused('hourly', true, 'operator', START);
      expect(store.fire(request, START)).toEqual({ status: 'paused' });
      expect(store.fire({ ...request, cause: 'run' }, START)).toMatchObject({ status: 'going' });
      expect(store.fire({ ...request, schedule: 'none' }, START)).toEqual({ status: 'unknown' });
    }));
});

describe('a pause', () => {
  test('is not a time in which anything is missed', () =>
    withStore((store) => {
      store.put(hourly({ policy: 'all' }), 'operator', START);
      store.setPaused('hourly', true, 'operator', START + 1);
      expect(store.nextTimerAt()).toBeNull();
      expect(store.list(START)[0]).toMatchObject({ paused: true, nextRuns: [] });
      store.claimDue(START + 5 * HOUR);
      store.setPaused('hourly', false, 'operator', START + 5 * HOUR + 1);
      store.claimDue(START + 6 * HOUR);
      expect(handed(store)).toEqual([due(6)]);
    }));
});

describe('the schedules of the deploy', () => {
  const crew = (definition: ScheduleDefinition): Deployed => ({ source: 'crew', definition });

  test('come, change and go with it; nothing is lost and nothing old fires', () =>
    withStore((store) => {
      store.adopt([crew(hourly()), crew(hourly({ id: 'other' }))], START);
      store.claimDue(START + HOUR);
      settle(store, due(1), START + HOUR);
      store.adopt([crew(hourly({ cron: '*/5 * * * *' }))], START + 2 * HOUR + 1);
      const [first, second] = store.list(START + 2 * HOUR + 1);
      expect(first).toMatchObject({ id: 'hourly', active: true, lastFiredAt: START + HOUR });
      expect(second).toMatchObject({ id: 'other', active: false, nextRuns: [] });
      store.claimDue(START + 2 * HOUR + 2);
      expect(firings(store)).toHaveLength(1);
      expect(store.nextTimerAt()).toBe(START + 2 * HOUR + 5 * MINUTE);
      expect(store.remove('hourly', 'operator', START)).toBe('not_yours');
      expect(store.put(hourly(), 'operator', START)).toBe('not_yours');
      expect(store.remove('other', 'operator', START)).toBe('removed');
    }));

  test('that mean nothing are shown with the reason, and the others go on', () =>
    withStore((store) => {
      store.adopt([crew(hourly({ id: 'broken', timeZone: 'Mars/Base' })), crew(hourly())], START);
      expect(store.list(START)[0]).toMatchObject({ id: 'broken', problem: expect.stringContaining('IANA') });
      store.claimDue(START + HOUR);
      expect(handed(store)).toEqual([due(1)]);
    }));

  test('that are the same again write nothing', () =>
    withStore((store) => {
      store.adopt([crew(hourly())], START);
      const lines = store.journal.lines().length;
      store.adopt([crew(hourly())], START + HOUR);
      expect(store.journal.lines()).toHaveLength(lines);
    }));
});

describe('a long task', () => {
  test('goes on piece by piece with its memory, and a piece that is heard twice counts once', () =>
    withStore((store) => {
      store.put(hourly({ task: { kind: 'reconcile' } }), 'operator', START);
      store.claimDue(START + HOUR);
      const piece = { firing: due(1), part: 1 };
      expect(store.work(piece)).toMatchObject({ task: { kind: 'reconcile' }, memory: null });
      store.settle(piece, { kind: 'more', note: '25' }, { since: 1 }, START + HOUR);
      store.settle(piece, { kind: 'more', note: '25' }, { since: 0 }, START + HOUR);
      expect(store.work(piece)).toBeNull();
      expect(store.work({ ...piece, part: 2 })).toMatchObject({ memory: { since: 1 } });
      expect(store.outbox.items().map(({ key }) => key)).toEqual([due(1), `${due(1)}#2`]);
      settle(store, due(1), START + HOUR, 2);
      expect(store.work({ ...piece, part: 2 })).toBeNull();
    }));
});

describe('a firing that cannot be handed on', () => {
  test('is a dead letter, and goes on when it is replayed', () =>
    withStore((store) => {
      store.put(hourly(), 'operator', START);
      store.claimDue(START + HOUR);
      store.outbox.begin(due(1));
      const failure = { error: 'no', retryable: false, retryAfterMs: null, nowMs: START + HOUR, random: 0 };
      store.fail(due(1), failure);
      expect(firings(store)[0]).toMatchObject({ status: 'failed', note: 'no' });
      const rows = store.projections.next(100).map(({ projection }) => projection);
      expect(rows).toContainEqual(expect.objectContaining({ table: 'dead_letters' }));
      expect(store.retry(due(1), 'operator', START + HOUR + 1)).toBe(true);
      expect(firings(store)[0]?.status).toBe('going');
      expect(store.retry(due(1), 'operator', START + HOUR + 1)).toBe(false);
    }));
});
