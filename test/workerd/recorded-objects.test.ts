import { applyD1Migrations, runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { is } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/d1';
import { SQLiteTable } from 'drizzle-orm/sqlite-core';
import { expect, test } from 'vitest';
import { groupQueueMigrations } from '../../durable-objects/group-queue/group-queue-migrations.ts';
import { GroupQueueStore } from '../../durable-objects/group-queue/group-queue-store.ts';
import { inboxMigrations } from '../../durable-objects/inbox/inbox-migrations.ts';
import { InboxStore } from '../../durable-objects/inbox/inbox-store.ts';
import { openIncidentStore } from '../../durable-objects/incident/incident-loops.ts';
import { incidentMigrations } from '../../durable-objects/incident/incident-migrations.ts';
import { relayPolicyMigrations } from '../../durable-objects/relay-policy/relay-policy-migrations.ts';
import { RelayPolicyStore } from '../../durable-objects/relay-policy/relay-policy-store.ts';
import { runMigrations } from '../../durable-objects/run/run-migrations.ts';
import { RunStore } from '../../durable-objects/run/run-store.ts';
import { runPoolMigrations } from '../../durable-objects/run-pool/run-pool-migrations.ts';
import { RunPoolStore } from '../../durable-objects/run-pool/run-pool-store.ts';
import { schedulerMigrations } from '../../durable-objects/scheduler/scheduler-migrations.ts';
import { migrate } from '../../durable-objects/shared/migrate.ts';
import { type Sql, sqlOf } from '../../durable-objects/shared/sql.ts';
import { telegramMigrations } from '../../durable-objects/telegram/telegram-migrations.ts';
import { TelegramStore } from '../../durable-objects/telegram/telegram-store.ts';
import { NO_CAPS } from '../../durable-objects/test/pool.ts';
import * as schema from '../../workers/db/schema.ts';
import { d1Migrations } from '../../workers/test/database.ts';

/**
 * Objects as an earlier version left them in the middle of its work, opened by the code of today. Recordings are
 * never changed; a version whose tables differ adds its own folder.
 */

type Row = Record<string, string | number | null>;
type Tables = Record<string, Row[]>;
interface Recording {
  binding: string;
  name: string;
  tables: Tables & { _migrations: { n: number; statement: string }[] };
}

const files = import.meta.glob('../fixtures/recorded-objects/*/*.json', {
  query: '?raw',
  import: 'default',
  eager: true,
});
const recorded = Object.entries(files).map(([path, text]) => {
  const [version = '', file = ''] = path.split('/').slice(-2);
  return { version, file, content: JSON.parse(text) as unknown };
});

function insert(sql: Sql, tables: Tables): void {
  for (const [table, rows] of Object.entries(tables))
    for (const row of rows) {
      const names = Object.keys(row).map((name) => `"${name}"`);
      const holes = names.map(() => '?').join(', ');
      sql.run(
        `INSERT OR REPLACE INTO "${table}" (${names.join(', ')}) VALUES (${holes})`,
        ...Object.values(row),
      );
    }
}

const tablesOf = (sql: Sql): string[] =>
  sql
    .all<{ name: string }>(
      `SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT GLOB 'sqlite_*' AND name NOT GLOB '_cf_*'`,
    )
    .map(({ name }) => name);

function empty(sql: Sql): void {
  for (const table of tablesOf(sql)) sql.run(`DROP TABLE "${table}"`);
}

/** The tables that the object had: by its statements of then, with its rows. */
function restore(sql: Sql, { _migrations: applied, ...tables }: Recording['tables']): void {
  empty(sql);
  sql.run('CREATE TABLE _migrations (n INTEGER PRIMARY KEY, statement TEXT NOT NULL)');
  for (const { statement } of applied) sql.run(statement);
  insert(sql, { _migrations: applied, ...tables });
}

let objects = 0;
/** The storage of an object that nobody else uses. */
async function withStorage(check: (sql: Sql) => void): Promise<void> {
  objects += 1;
  await runInDurableObject(env.TELEGRAM.getByName(`recorded-${objects}`), async (_, state) => {
    check(sqlOf(state.storage));
    await state.storage.deleteAlarm();
  });
}

const NOTHING_CHANGED = (): void => {};
const count = (sql: Sql, table: string): number =>
  sql.all<{ c: number }>(`SELECT count(*) AS c FROM "${table}"`)[0]?.c ?? 0;

/** What the store of today must make of it. */
const checks: Record<string, (sql: Sql, recording: Recording) => void> = {
  INBOX: (sql, { name, tables }) => {
    const store = new InboxStore(sql, name, NOTHING_CHANGED);
    for (const { id, status } of tables.events ?? []) expect(store.get(String(id))?.status).toBe(status);
    const [known] = tables.events ?? [];
    const again = {
      id: String(known?.id),
      source: 'azure-devops' as const,
      delivery: 'any',
      type: 'any',
      receivedAt: 1,
      payload: null,
      refusedBecause: 'none',
      body: null,
      bodyArtifact: null,
    };
    expect(store.accept(again)).toBe('duplicate');
    expect(store.accept({ ...again, id: 'evt_new' })).toBe('refused');
    expect(store.journal.findFault()).toBeNull();
  },
  INCIDENT: (sql, { name, tables }) => {
    const store = openIncidentStore(sql, name, 'pipeline-recovery', {
      now: () => 1,
      changed: NOTHING_CHANGED,
    });
    expect(store.key).toBe(tables.incident?.[0]?.key);
    expect(store.status()).toBe('fixing');
    expect(store.replay()).toMatchObject({ identical: true, entries: tables.journal?.length });
    expect(store.timers()).not.toEqual([]);
    const seen = String(tables.seen_events?.[0]?.id);
    const event = { type: 'timer_fired' as const, data: { name: 'any', dueAt: 1 } };
    expect(store.receive({ id: seen, key: null, event, subjects: {} })).toBe('duplicate');
    expect(store.receive({ id: 'evt_new', key: null, event, subjects: {} })).toBe('applied');
    expect(store.journal.findFault()).toBeNull();
  },
  GROUP_QUEUE: (sql, { name, tables }) => {
    const store = new GroupQueueStore(sql, name, 4, NOTHING_CHANGED);
    for (const { id, state, text } of tables.messages ?? [])
      expect(store.get(String(id))).toMatchObject({ state, text });
    expect(store.messages(null, 200)).toHaveLength(tables.messages?.length ?? 0);
  },
  RUN: (sql, { tables }) => {
    const store = new RunStore(sql, NOTHING_CHANGED);
    const recorded = JSON.parse(String(tables.run?.[0]?.record)) as Record<string, unknown>;
    expect(store.record).toMatchObject({
      status: recorded.status,
      fence: recorded.fence,
      spec: recorded.spec,
    });
    expect(store.record?.costMicroUsd).toBe(recorded.costMicroUsd);
    for (const { id } of tables.intents ?? []) expect(store.intent(String(id))?.id).toBe(id);
  },
  RUN_POOL: (sql, { tables }) => {
    const settings = {
      slots: { heavy: 15, light: 15 },
      runners: ['a', 'b'],
      caps: NO_CAPS,
      maxConcurrentOf: () => 15,
    };
    const store = new RunPoolStore(sql, () => settings, NOTHING_CHANGED);
    for (const { run, state, fence } of tables.leases ?? [])
      expect(store.leaseOf(String(run))?.fence ?? null).toBe(state === 'held' ? fence : null);
    expect(store.stops.isStopped).toBe(tables.stop_flag?.[0]?.stopped === 1);
    expect(count(sql, 'fences')).toBe(tables.fences?.length);
    for (const { month, micro_usd } of tables.spent ?? [])
      expect(
        sql.all(`SELECT micro_usd FROM spending WHERE period = ? AND agent_group = ''`, String(month)),
      ).toEqual([{ micro_usd }]);
  },
  RELAY_POLICY: (sql, { tables }) => {
    const routes = new RelayPolicyStore(sql, NOTHING_CHANGED).routes();
    const then = (tables.routes ?? []).map(({ sender, target }) => `${sender} ${target}`);
    expect(routes.map(({ from, to }) => `${from} ${to}`)).toEqual(then.sort());
  },
  TELEGRAM: (sql, { tables }) => {
    const store = new TelegramStore(sql, NOTHING_CHANGED);
    store.doubtInterrupted();
    const waiting = (tables.posts ?? []).filter(({ state }) => state !== 'sent' && state !== 'dead');
    expect(store.heads().length > 0).toBe(waiting.length > 0);
    expect(count(sql, 'posts')).toBe(tables.posts?.length);
  },
};

const recordings = recorded.filter(({ file }) => file !== 'd1.json');

test.each(recordings)('$version/$file goes on under the code of today', async ({ content }) => {
  const recording = content as Recording;
  await withStorage((sql) => {
    restore(sql, recording.tables);
    checks[recording.binding]?.(sql, recording);
    const kept = new Set(tablesOf(sql));
    for (const [table, rows] of Object.entries(recording.tables))
      if (kept.has(table)) expect(count(sql, table), table).toBeGreaterThanOrEqual(rows.length);
  });
});

test('every kind of object of the first version is recorded', () => {
  const kinds = recordings
    .filter(({ version }) => version === 'v1')
    .map(({ content }) => (content as Recording).binding);
  expect(new Set(kinds)).toEqual(new Set(Object.keys(checks)));
});

const lists = {
  groupQueueMigrations,
  inboxMigrations,
  incidentMigrations,
  relayPolicyMigrations,
  runMigrations,
  runPoolMigrations,
  schedulerMigrations,
  telegramMigrations,
};
const shapeOf = (sql: Sql): unknown =>
  sql.all(
    `SELECT type, name FROM sqlite_master
     WHERE name <> '_migrations' AND tbl_name NOT GLOB '_cf_*' ORDER BY type, name`,
  );

test.each(Object.entries(lists))('%s lead to the same tables from any version on', (_, migrations) =>
  withStorage((sql) => {
    empty(sql);
    migrate(sql, migrations);
    const fresh = shapeOf(sql);
    for (let n = 0; n < migrations.length; n++) {
      empty(sql);
      migrate(sql, migrations.slice(0, n));
      migrate(sql, migrations);
      expect(shapeOf(sql)).toEqual(fresh);
    }
  }),
);

test.each(recorded.filter(({ file }) => file === 'd1.json'))(
  'D1 of $version is brought to today, with every row',
  async ({ content }) => {
    const { migrations, tables } = content as { migrations: string[]; tables: Tables };
    const all = d1Migrations();
    expect(all.slice(0, migrations.length).map(({ name }) => name)).toEqual(migrations);
    await applyD1Migrations(env.DB, all.slice(0, migrations.length));
    for (const [table, rows] of Object.entries(tables))
      for (const row of rows) {
        const names = Object.keys(row).map((name) => `"${name}"`);
        const holes = names.map(() => '?').join(', ');
        await env.DB.prepare(`INSERT OR REPLACE INTO "${table}" (${names.join(', ')}) VALUES (${holes})`)
          .bind(...Object.values(row))
          .run();
      }
    await applyD1Migrations(env.DB, all);
    for (const [table, rows] of Object.entries(tables))
      expect(await env.DB.prepare(`SELECT count(*) AS c FROM "${table}"`).first('c'), table).toBe(
        rows.length,
      );
    for (const table of Object.values(schema))
      if (is(table, SQLiteTable)) await drizzle(env.DB).select().from(table).limit(1);
  },
);
