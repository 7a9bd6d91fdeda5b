import { runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import type { BudgetCaps } from '../../core/cost/caps.ts';
import { type PoolSettings, RunPoolStore } from '../run-pool/run-pool-store.ts';
import { type Sql, sqlOf } from '../shared/sql.ts';

export const NO_CAPS: BudgetCaps = { monthMicroUsd: null, dayMicroUsd: null, groupDayMicroUsd: () => null };

let count = 0;

/** A pool of two runners and two slots of each kind, and one more for people. */
export async function withPool(
  change: Partial<PoolSettings>,
  check: (pool: RunPoolStore, sql: Sql) => void,
): Promise<void> {
  count += 1;
  const settings: PoolSettings = {
    slots: { heavy: 3, light: 3 },
    runners: ['one', 'two'],
    caps: NO_CAPS,
    maxConcurrentOf: () => 15,
    ...change,
  };
  await runInDurableObject(
    env.RUN_POOL.getByName(`pool-${crypto.randomUUID()}-${count}`),
    async (_, state) => {
      const sql = sqlOf(state.storage);
      check(
        new RunPoolStore(
          sql,
          () => settings,
          () => {},
        ),
        sql,
      );
      await state.storage.deleteAlarm();
    },
  );
}

export const ask = (run: string, kind: 'light' | 'heavy' = 'heavy', budgetMicroUsd = 1_000) => ({
  run,
  group: 'cody',
  kind,
  budgetMicroUsd,
  at: 0,
});

export const beat = (runner: string, leases: { run: string; fence: number }[], capacity = 3) => ({
  runner,
  at: 0,
  capacity,
  running: leases.length,
  problems: [],
  leases,
});

/** What the pool has promised to say, by kind. */
export const told = (pool: RunPoolStore, kind: string): unknown[] =>
  pool.outbox
    .items()
    .filter((item) => item.kind === kind)
    .map(({ body }) => (body.startsWith('{') ? JSON.parse(body) : body) as unknown);
