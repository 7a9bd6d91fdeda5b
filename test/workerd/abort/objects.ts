import {
  abortAllDurableObjects,
  evictDurableObject,
  runDurableObjectAlarm,
  runInDurableObject,
} from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { Journal, type JournalLine } from '../../../durable-objects/shared/journal.ts';
import { sqlOf } from '../../../durable-objects/shared/sql.ts';
import type { Binding, Place } from './awaits.ts';

/** The objects of a course, from outside: torn down, woken, and looked into when all is over. */

const stubOf = ({ binding, name }: Place): DurableObjectStub => env[binding].getByName(name);

/** What is not over yet, by table. */
const WAITING: Record<string, string> = {
  outbox: `SELECT key, kind, error FROM outbox WHERE state = 'pending'`,
  projection: 'SELECT error, body FROM projection',
  events: `SELECT id FROM events WHERE status = 'accepted'`,
  messages: `SELECT id, state FROM messages WHERE state IN ('waiting', 'active', 'steering')`,
  leases: `SELECT run FROM leases WHERE state <> 'released'`,
  waiting: 'SELECT run FROM waiting',
  posts: `SELECT key, state, error FROM posts WHERE state IN ('pending', 'sending')`,
  firings: `SELECT id, status FROM firings WHERE status IN ('going', 'waiting')`,
};
const NOT_BACKED_UP: Record<string, string> = {
  _backup_dirty: 'SELECT tbl, id FROM _backup_dirty',
  _backup_lines: 'SELECT * FROM _backup_lines LIMIT 1',
};
/** Tables of the same name that hold something else. */
const OTHERS: [Binding, string][] = [
  ['RUN', 'events'],
  ['RUN', 'messages'],
];

export async function waitingIn(places: Iterable<Place>, withBackups: boolean): Promise<unknown[]> {
  const queries = Object.entries(withBackups ? { ...WAITING, ...NOT_BACKED_UP } : WAITING);
  const found = await Promise.all(
    [...places].map((place) =>
      runInDurableObject(stubOf(place), (_, { storage }) => {
        const tables = new Set(tablesOf(storage));
        return queries
          .filter(([table]) => tables.has(table))
          .filter(([table]) => !OTHERS.some(([binding, name]) => binding === place.binding && name === table))
          .flatMap(([, query]) => storage.sql.exec(query).toArray())
          .map((row) => ({ at: `${place.binding} ${place.name}`, ...row }));
      }).catch((error: unknown) => [String(error)]),
    ),
  );
  return found.flat();
}

const tablesOf = (storage: DurableObjectStorage): string[] =>
  storage.sql
    .exec<{ name: string }>(`SELECT name FROM sqlite_master WHERE type = 'table'`)
    .toArray()
    .map(({ name }) => name);

/** Alarms come at once. */
export async function ringAll(places: Iterable<Place>): Promise<void> {
  await Promise.all([...places].map((place) => runDurableObjectAlarm(stubOf(place)).catch(() => {})));
}

export async function abortOne(place: Place): Promise<void> {
  await runInDurableObject(stubOf(place), (_, state) => state.abort('torn down by a test')).catch(() => {});
}

/** Politely, as an idle object is: what it answers at the moment is waited for. */
export const evictOne = (place: Place): Promise<void> => evictDurableObject(stubOf(place)).catch(() => {});

export const abortAll = (): Promise<void> => abortAllDurableObjects();

/** Telegram’s limits are not waited for: what is tested is that things go on at all. */
export async function forgetPacing(): Promise<void> {
  await runInDurableObject(env.TELEGRAM.getByName('bot'), (_, { storage }) => {
    storage.sql.exec('CREATE TRIGGER no_pacing AFTER INSERT ON sends BEGIN DELETE FROM sends; END');
  });
}

export async function journalOf(place: Place): Promise<JournalLine[]> {
  return runInDurableObject(stubOf(place), (_, { storage }) =>
    tablesOf(storage).includes('journal') ? new Journal(sqlOf(storage), '').lines() : [],
  );
}

const CHAINS: Partial<Record<Binding, string>> = {
  RUN_POOL: 'run-pool',
  RELAY_POLICY: 'relay-policy',
  SCHEDULER: 'scheduler',
  TELEGRAM: 'telegram',
};

/** Where a chain does not hold, or D1 does not say what its object says. */
export async function brokenChains(places: Iterable<Place>): Promise<string[]> {
  const found: string[] = [];
  for (const place of places) {
    const chain = CHAINS[place.binding] ?? place.name;
    const { lines, fault } = await runInDurableObject(stubOf(place), (_, { storage }) => {
      if (!tablesOf(storage).includes('journal')) return { lines: [], fault: null };
      const journal = new Journal(sqlOf(storage), chain);
      return { lines: journal.lines(), fault: journal.findFault() };
    });
    if (fault !== null) found.push(`${chain}: ${JSON.stringify(fault)}`);
    const { results } = await env.DB.prepare('SELECT hash FROM audit WHERE chain = ? ORDER BY seq')
      .bind(chain)
      .all<{ hash: string }>();
    if (results.map(({ hash }) => hash).join() !== lines.map(({ hash }) => hash).join())
      found.push(`${chain}: ${lines.length} lines, ${results.length} rows in D1`);
  }
  return found;
}
