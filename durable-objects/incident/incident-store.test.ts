import { runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { describe, expect, test } from 'vitest';
import { auditRowOf } from '../shared/journal-audit.ts';
import { type Sql, sqlOf } from '../shared/sql.ts';
import { type ToyEvent, type ToyFact, type ToyState, toyLoop } from '../test/toy-loop.ts';
import { IncidentStore } from './incident-store.ts';

type Store = IncidentStore<ToyState, ToyEvent, ToyFact>;

let count = 0;

/** A fresh incident per test; `reopen` builds the store anew over the same storage, as after an eviction. */
async function withStore(
  check: (store: Store, reopen: () => Store, alarms: () => number, sql: Sql) => void | Promise<void>,
): Promise<void> {
  count += 1;
  const name = `store-${count}`;
  await runInDurableObject(env.INCIDENT.getByName(name), async (_, state) => {
    let changes = 0;
    const open = (): Store =>
      new IncidentStore(sqlOf(state.storage), name, toyLoop, {
        now: () => 1_000,
        rowsOf: () => [],
        upcasters: [],
        stateVersion: 1,
        auditOf: (line, chain) => auditRowOf(line, chain),
        changed: () => {
          changes += 1;
        },
      });
    await check(open(), open, () => changes, sqlOf(state.storage));
  });
}

const add = (id: string, n: number, tell = 0) => ({
  id,
  key: 'toy/1',
  event: { type: 'add', data: { n, tell } } as ToyEvent,
  subjects: {},
});

describe('receive', () => {
  test('an event is applied once, whatever its sender believes', () =>
    withStore((store) => {
      expect(store.receive(add('e1', 2, 1))).toBe('applied');
      expect(store.receive(add('e1', 2, 1))).toBe('duplicate');
      expect(store.state.sum).toBe(2);
      expect(store.journal.lines().map(({ type }) => type)).toEqual([
        'received',
        'added',
        'effect_requested',
      ]);
    }));

  test('without a key there is no incident to begin', () =>
    withStore((store) => {
      expect(store.receive({ ...add('e1', 2, 1), key: null })).toBe('unknown');
      expect(store.journal.lines()).toEqual([]);
    }));

  test('an event that asks for nothing begins no incident', () =>
    withStore((store) => {
      expect(store.receive(add('e1', 2, 0))).toBe('unknown');
      expect(store.exists).toBe(false);
    }));

  test('when writing fails in the middle, nothing of it stays: not in the journal, the outbox or the state', () =>
    withStore((store) => {
      store.receive(add('e1', 2, 1));
      const before = store.journal.lines();
      expect(() =>
        store.receive({ id: 'e2', key: null, event: { type: 'explode', data: {} }, subjects: {} }),
      ).toThrow(TypeError);
      expect(store.journal.lines()).toEqual(before);
      expect(store.state.sum).toBe(2);
      expect(store.outbox.items()).toHaveLength(1);
      store.receive(add('e3', 1));
      expect(store.journal.findFault()).toBeNull();
      expect(store.state.sum).toBe(3);
    }));

  test('personal text is kept beside the journal, and goes without breaking the chain', () =>
    withStore((store) => {
      const subjects = { sub_1: { text: 'Ada Lovelace', salt: 's' } };
      store.receive({ ...add('e1', 2, 1), subjects });
      expect(store.subjects.text('sub_1')).toBe('Ada Lovelace');
      expect(JSON.stringify(store.journal.lines())).not.toContain('Ada');
      store.subjects.delete('sub_1');
      store.receive({ ...add('e2', 2), subjects });
      expect(store.subjects.text('sub_1')).toBeUndefined();
      expect(store.journal.findFault()).toBeNull();
    }));

  test('each change sets the alarm inside its transaction', () =>
    withStore((store, _, alarms) => {
      store.receive(add('e1', 2, 1));
      expect(alarms()).toBe(1);
    }));
});

describe('the journal', () => {
  test('a rebuilt instance has the same state, also past a snapshot', () =>
    withStore((store, reopen) => {
      for (let n = 0; n < 150; n++) store.receive(add(`e${n}`, 1, 1));
      expect(store.journal.head().seq).toBe(450);
      const again = reopen();
      expect(again.state).toEqual(store.state);
      expect(again.replay()).toMatchObject({ identical: true, entries: 450 });
      expect(again.receive(add('e149', 1, 1))).toBe('duplicate');
    }));

  test('an altered line is found', () =>
    withStore((store, reopen, _, sql) => {
      store.receive(add('e1', 2, 1));
      store.receive(add('e2', 3));
      expect(store.journal.findFault()).toBeNull();
      sql.run(`UPDATE journal SET data = '{"n":3000}' WHERE seq = 5`);
      expect(reopen().journal.findFault()).toEqual({ seq: 5, fault: 'hash_differs' });
      expect(store.replay().identical).toBe(false);
    }));
});

describe('effects', () => {
  test('keys are stable and told by a dry decision, which writes nothing', () =>
    withStore((store) => {
      store.receive(add('e0', 0, 1));
      const before = store.journal.lines();
      const { effects } = store.decide(add('e1', 2, 2).event, 1_000);
      expect(store.journal.lines()).toEqual(before);
      store.receive(add('e1', 2, 2));
      expect(
        store.outbox
          .items()
          .slice(1)
          .map(({ key }) => key),
      ).toEqual(effects.map(({ key }) => key));
    }));

  test('what humans read keeps its order: the second waits for the first', () =>
    withStore((store) => {
      store.receive(add('e1', 2, 2));
      const [first, second] = store.outbox.items();
      expect(store.outbox.due(1_000).map(({ key }) => key)).toEqual([first?.key]);
      store.settle(first?.key ?? '');
      expect(store.outbox.due(1_000).map(({ key }) => key)).toEqual([second?.key]);
    }));

  test('the sixth failure buries an effect, tells the loop, and makes it visible; a retry brings it back', () =>
    withStore((store) => {
      store.receive(add('e1', 2, 1));
      const key = store.outbox.items()[0]?.key ?? '';
      const failure = { error: 'no', retryable: true, retryAfterMs: null, nowMs: 1_000, random: 0.5 };
      for (let n = 1; n <= 6; n++) {
        expect(store.outbox.get(key)?.state).toBe('pending');
        store.outbox.begin(key);
        store.fail(key, failure, { type: 'add', data: { n: 7, tell: 0 } });
      }
      expect(store.outbox.get(key)).toMatchObject({ state: 'dead', tries: 6, error: 'no' });
      expect(store.state.sum).toBe(9);
      const letters = () =>
        store.projections
          .next(100)
          .flatMap(({ projection }) => (projection.table === 'dead_letters' ? [projection.row] : []));
      expect(letters()).toMatchObject([{ key, state: 'dead', tries: 6 }]);

      expect(store.retry(key, 'operator')).toBe(true);
      expect(store.outbox.get(key)).toMatchObject({ state: 'pending', tries: 0 });
      expect(letters().at(-1)).toMatchObject({ key, state: 'replayed' });
      expect((letters()[1]?.seq ?? 0) > (letters()[0]?.seq ?? 0)).toBe(true);
      expect(store.retry(key, 'operator')).toBe(false);
      expect(store.replay().identical).toBe(true);
    }));

  test('an outcome settles its effect in the transaction that applies it, also when it came before', () =>
    withStore((store) => {
      store.receive(add('e1', 2, 1));
      const key = store.outbox.items()[0]?.key ?? '';
      expect(store.receive(add('e2', 3), key)).toBe('applied');
      expect(store.outbox.get(key)?.state).toBe('done');
      store.receive(add('e3', 1, 1));
      const later = store.outbox.items()[1]?.key ?? '';
      expect(store.receive(add('e2', 3), later)).toBe('duplicate');
      expect(store.outbox.get(later)?.state).toBe('done');
    }));
});

test('a timer that has fired does not fire again', () =>
  withStore((store) => {
    store.receive({ id: 'e1', key: 'k', event: { type: 'wait', data: { until: 5 } }, subjects: {} });
    const [timer] = store.timers();
    expect(timer).toEqual({ name: 'wait', dueAt: 5 });
    if (timer) store.receive({ ...add('x', 1), id: store.timerEventId(timer) });
    expect(store.timers()).toEqual([]);
  }));
