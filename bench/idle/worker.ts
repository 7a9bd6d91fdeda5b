/** The Worker as it is, with counters around D1 and the storage of every object. Only its tick is called. */

import type { Env } from '../../workers/env.ts';
import * as product from '../../workers/index.ts';
import type { Counted } from '../figures.ts';

const counted: Counted = { requests: 0, rowsRead: 0, rowsWritten: 0 };

type ObjectClass = new (ctx: DurableObjectState, env: Env) => object;

/** The same object, save for these methods of it. */
function withMethods<T extends object>(target: T, methods: Partial<T>): T {
  return new Proxy(target, {
    get(_, name) {
      if (name in methods) return Reflect.get(methods, name);
      const value: unknown = Reflect.get(target, name);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

/** The same class; what its SQL reads and writes is counted. */
function counting(Class: ObjectClass): ObjectClass {
  return class extends Class {
    constructor(ctx: DurableObjectState, env: Env) {
      const { sql } = ctx.storage;
      const exec = sql.exec.bind(sql);
      sql.exec = <Row extends Record<string, SqlStorageValue>>(query: string, ...bindings: unknown[]) => {
        const cursor = exec<Row>(query, ...bindings);
        const rows = cursor.toArray();
        counted.rowsRead += cursor.rowsRead;
        counted.rowsWritten += cursor.rowsWritten;
        return withMethods(cursor, { toArray: () => rows });
      };
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

const countingNamespace = (namespace: DurableObjectNamespace): DurableObjectNamespace =>
  withMethods(namespace, {
    getByName: (name) => {
      counted.requests += 1;
      return namespace.getByName(name);
    },
  });

const added = <Result extends { meta: { rows_read?: number; rows_written?: number } }>(
  result: Result,
): Result => {
  counted.rowsRead += result.meta.rows_read ?? 0;
  counted.rowsWritten += result.meta.rows_written ?? 0;
  return result;
};

function countingDatabase(db: D1Database): D1Database {
  const inner = new WeakMap<D1PreparedStatement, D1PreparedStatement>();
  const wrap = (statement: D1PreparedStatement): D1PreparedStatement => {
    const all = async <Row>() => added(await statement.all<Row>());
    const wrapped = withMethods(statement, {
      bind: (...values) => wrap(statement.bind(...values)),
      all,
      run: async <Row>() => added(await statement.run<Row>()),
      first: async <Row>() => (await all<Row>()).results[0] ?? null,
      raw: async <Row>() => {
        // Its rows carry no figures: they are asked for as objects. Nobody asks for the names of columns.
        const rows: unknown = (await all<Record<string, unknown>>()).results.map(Object.values);
        return rows as [string[], ...Row[]] & Row[];
      },
    });
    inner.set(wrapped, statement);
    return wrapped;
  };
  return withMethods(db, {
    prepare: (query) => wrap(db.prepare(query)),
    batch: async <Row>(statements: D1PreparedStatement[]) =>
      (await db.batch<Row>(statements.map((one) => inner.get(one) ?? one))).map(added),
  });
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
