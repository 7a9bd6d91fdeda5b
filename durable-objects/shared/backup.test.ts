import { runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { expect, test } from 'vitest';
import { BackupFlush } from './backup-flush.ts';
import { BackupLog } from './backup-log.ts';
import { restoreObject } from './backup-restore.ts';
import { migrate } from './migrate.ts';
import { type Sql, sqlOf } from './sql.ts';

const FIRST = ['CREATE TABLE words (id TEXT PRIMARY KEY, said TEXT NOT NULL)'];
const COUNTED = 'CREATE TABLE counted (n INTEGER PRIMARY KEY AUTOINCREMENT, what TEXT)';
const DEFAULTED = `ALTER TABLE words ADD COLUMN loud INTEGER NOT NULL DEFAULT 7`;
let count = 0;

/** An object with nothing but these tables. */
async function withTables(
  migrations: readonly string[],
  check: (sql: Sql, log: () => BackupLog) => Promise<void>,
): Promise<void> {
  count += 1;
  await runInDurableObject(env.RELAY_POLICY.getByName(`backup-${count}`), async (_, state) => {
    await state.storage.deleteAlarm();
    const sql = sqlOf(state.storage);
    const tables = sql.all<{ name: string }>(
      `SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'`,
    );
    for (const { name } of tables.filter(({ name }) => !name.startsWith('_cf')))
      sql.run(`DROP TABLE "${name}"`);
    migrate(sql, migrations);
    await check(sql, () => new BackupLog(sql, Date.now()));
  });
}

const flushOf = (log: BackupLog, object: string, bucket: R2Bucket = env.ARTIFACTS) =>
  new BackupFlush({
    bucket,
    log,
    objectType: 'test',
    object,
    now: Date.now,
    random: () => 0,
    changed: () => {},
  });
const say = (sql: Sql, id: string, said: string) =>
  sql.run('INSERT OR REPLACE INTO words (id, said) VALUES (?, ?)', id, said);
const words = (sql: Sql) => sql.all('SELECT id, said FROM words ORDER BY id');
const keysOf = async (object: string) =>
  (await env.ARTIFACTS.list({ prefix: `backup/objects/test/${object}/` })).objects.map(({ key }) => key);

/** What a new object becomes. */
async function restored(object: string, migrations: readonly string[], check: (sql: Sql) => void) {
  await withTables(migrations, async (sql, log) => {
    log();
    await restoreObject(sql, env.ARTIFACTS, 'test', object, Date.now());
    migrate(sql, migrations);
    check(sql);
  });
}

test('what changes while a part is on its way goes with the next one', () =>
  withTables(FIRST, async (sql, open) => {
    const log = open();
    say(sql, 'a', 'first');
    const part = log.take();
    if (!part) throw new Error('nothing to write');
    say(sql, 'a', 'second');
    log.kept(part, Date.now());
    expect(log.take()?.rows).toMatchObject([{ table: 'words', row: { said: 'second' } }]);
  }));

test('a bucket that is away loses nothing: all goes when it is back', () =>
  withTables(FIRST, async (sql, open) => {
    const log = open();
    let isAway = true;
    const bucket = new Proxy(env.ARTIFACTS, {
      get(target, name: keyof R2Bucket) {
        if (name === 'put' && isAway) return () => Promise.reject(new Error('R2 is away'));
        const member = target[name] as unknown;
        return typeof member === 'function' ? member.bind(target) : member;
      },
    });
    const flush = flushOf(log, 'away', bucket);
    say(sql, 'a', 'kept');
    expect(await flush.now()).toBe(false);
    expect(flush.nextAt()).toBeGreaterThan(Date.now());
    isAway = false;
    expect(await flush.now()).toBe(true);
    await restored('away', FIRST, (copy) => expect(words(copy)).toEqual([{ id: 'a', said: 'kept' }]));
  }));

test('rows that went are gone, ones that were replaced are there once, and numbers go on', () =>
  withTables([...FIRST, COUNTED], async (sql, open) => {
    const flush = flushOf(open(), 'rows');
    for (const id of ['a', 'b', 'c']) say(sql, id, 'old');
    for (const what of ['x', 'y', 'z']) sql.run('INSERT INTO counted (what) VALUES (?)', what);
    await flush.now();
    say(sql, 'a', 'new');
    sql.run(`DELETE FROM words WHERE id = 'b'`);
    sql.run('DELETE FROM counted');
    await flush.now();
    await restored('rows', [...FIRST, COUNTED], (copy) => {
      expect(words(copy)).toEqual([
        { id: 'a', said: 'new' },
        { id: 'c', said: 'old' },
      ]);
      copy.run(`INSERT INTO counted (what) VALUES ('next')`);
      expect(copy.all('SELECT n FROM counted')).toEqual([{ n: 4 }]);
    });
  }));

test('written anew, nothing of the old is left in the bucket', () =>
  withTables(FIRST, async (sql, open) => {
    const log = open();
    const flush = flushOf(log, 'anew');
    say(sql, 'a', 'secret');
    await flush.now();
    const before = await keysOf('anew');
    log.rewrite(Date.now());
    sql.run(`UPDATE words SET said = '(deleted)'`);
    expect(await flush.now()).toBe(true);
    const after = await keysOf('anew');
    expect(after.filter((key) => before.includes(key))).toEqual([]);
    await restored('anew', FIRST, (copy) => expect(words(copy)).toEqual([{ id: 'a', said: '(deleted)' }]));
  }));

test('many small parts become one again', () =>
  withTables(FIRST, async (sql, open) => {
    const flush = flushOf(open(), 'small');
    for (let n = 0; n < 45; n++) {
      say(sql, 'a', `${n}`);
      await flush.now();
    }
    expect((await keysOf('small')).length).toBeLessThan(10);
    await restored('small', FIRST, (copy) => expect(words(copy)).toEqual([{ id: 'a', said: '44' }]));
  }));

test('an older backup is restored into newer tables; a newer one is refused', () =>
  withTables(FIRST, async (sql, open) => {
    const flush = flushOf(open(), 'older');
    say(sql, 'a', 'old');
    await flush.now();
    await restored('older', [...FIRST, DEFAULTED], (copy) =>
      expect(copy.all('SELECT * FROM words')).toEqual([{ id: 'a', said: 'old', loud: 7 }]),
    );
    migrate(sql, [...FIRST, DEFAULTED]);
    await flushOf(open(), 'older').now();
    await expect(restored('older', FIRST, () => {})).rejects.toThrow('was made by a newer program');
    await restored('older', [...FIRST, DEFAULTED], (copy) =>
      expect(copy.all('SELECT * FROM words')).toEqual([{ id: 'a', said: 'old', loud: 7 }]),
    );
  }));

test('a damaged or missing part is named', () =>
  withTables(FIRST, async (sql, open) => {
    const flush = flushOf(open(), 'damaged');
    for (const said of ['one', 'two']) {
      say(sql, said, said);
      await flush.now();
    }
    const [first = '', second = ''] = await keysOf('damaged');
    await env.ARTIFACTS.delete(first);
    await expect(restored('damaged', FIRST, () => {})).rejects.toThrow(/part 1 before .* is gone/);
    await env.ARTIFACTS.put(second, 'x', { customMetadata: { sha256: 'x', complete: 'true' } });
    await expect(restored('damaged', FIRST, () => {})).rejects.toThrow(`${second} cannot be read`);
  }));
