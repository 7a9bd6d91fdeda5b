/** The Worker as it is, with counters around D1 and the storage of every object. Only its tick is called. */

import type { Env } from '../../workers/env.ts';
import * as product from '../../workers/index.ts';
import type { Counted } from '../figures.ts';

const counted: Counted = { requests: 0, rowsRead: 0, rowsWritten: 0 };

type ObjectClass = new (ctx: DurableObjectState, env: Env) => object;

/** The same class; what its SQL reads and writes is counted. */
function counting(Class: unknown): ObjectClass {
  return class extends (Class as ObjectClass) {
    constructor(ctx: DurableObjectState, env: Env) {
      const { sql } = ctx.storage;
      const exec = sql.exec.bind(sql);
      sql.exec = ((query: string, ...bindings: unknown[]) => {
        const cursor = exec(query, ...bindings);
        const rows = cursor.toArray();
        counted.rowsRead += cursor.rowsRead;
        counted.rowsWritten += cursor.rowsWritten;
        return { toArray: () => rows };
      }) as unknown as typeof sql.exec;
      super(ctx, env);
    }
  };
}

export const GroupQueue = counting(product.GroupQueue);
export const Inbox = counting(product.Inbox);
export const Incident = counting(product.Incident);
export const RelayPolicy = counting(product.RelayPolicy);
export const Run = counting(product.Run);
export const RunPool = counting(product.RunPool);
export const Scheduler = counting(product.Scheduler);
export const Telegram = counting(product.Telegram);

function countingNamespace(namespace: DurableObjectNamespace): DurableObjectNamespace {
  const getByName = (name: string) => {
    counted.requests += 1;
    return namespace.getByName(name);
  };
  return { getByName } as unknown as DurableObjectNamespace;
}

const added = <Result extends { meta: { rows_read?: number; rows_written?: number } }>(
  result: Result,
): Result => {
  counted.rowsRead += result.meta.rows_read ?? 0;
  counted.rowsWritten += result.meta.rows_written ?? 0;
  return result;
};

function countingDatabase(db: D1Database): D1Database {
  const prepare = (query: string): D1PreparedStatement => wrap(db.prepare(query));
  const inner = new WeakMap<object, D1PreparedStatement>();
  const wrap = (statement: D1PreparedStatement): D1PreparedStatement => {
    const wrapped = {
      bind: (...values: unknown[]) => wrap(statement.bind(...values)),
      all: async () => added(await statement.all()),
      run: async () => added(await statement.run()),
      first: async () => added(await statement.all()).results[0] ?? null,
      // The rows of `raw` carry no figures: they are asked for as objects.
      raw: async () =>
        added(await statement.all<Record<string, unknown>>()).results.map((row) => Object.values(row)),
    } as unknown as D1PreparedStatement;
    inner.set(wrapped, statement);
    return wrapped;
  };
  const batch = async (statements: D1PreparedStatement[]) =>
    (await db.batch(statements.map((one) => inner.get(one) ?? one))).map(added);
  return { prepare, batch } as unknown as D1Database;
}

export default {
  /** `POST /tick?time=`: one tick; answers what it cost. */
  async fetch(request, env) {
    Object.assign(counted, { requests: 1, rowsRead: 0, rowsWritten: 0 } satisfies Counted);
    const objects = Object.entries(env).map(([name, value]) => [
      name,
      value !== null && typeof value === 'object' && 'getByName' in value
        ? countingNamespace(value as DurableObjectNamespace)
        : value,
    ]);
    const scheduledTime = Number(new URL(request.url).searchParams.get('time'));
    const controller = { scheduledTime, cron: '* * * * *', noRetry: () => {} } as ScheduledController;
    const watched = { ...Object.fromEntries(objects), DB: countingDatabase(env.DB) } as Env;
    await product.default.scheduled(controller, watched);
    return Response.json(counted);
  },
} satisfies ExportedHandler<Env>;
