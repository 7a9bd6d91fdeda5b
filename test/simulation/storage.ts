import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import type { Clock } from './clock.ts';
import type { Row, Value } from './database.ts';
import type { Faults } from './faults.ts';
import { currentLife } from './life.ts';
import type { Objects } from './objects.ts';
import type { Random } from './random.ts';

const MIGRATIONS = new URL('../../migrations/', import.meta.url);
const migrationSql = readdirSync(MIGRATIONS)
  .filter((name) => name.endsWith('.sql'))
  .sort()
  .map((name) => readFileSync(new URL(name, MIGRATIONS), 'utf8').replaceAll('--> statement-breakpoint', ''))
  .join('\n');

export interface OutsideDeps {
  clock: Clock;
  random: Random;
  faults(): Faults;
  objects(): Objects;
}

/** An answer from outside an object: it takes a while, and whoever waits for it may die meanwhile. */
export function answered<T>(deps: OutsideDeps, latencyMs: number, work: () => T): Promise<T> {
  const life = currentLife();
  return new Promise((resolve, reject) => {
    deps.clock.after(latencyMs, () => {
      let settle: () => void;
      try {
        const result = work();
        settle = () => resolve(result);
      } catch (error) {
        settle = () => reject(error);
      }
      deps.objects().crashAtAwait(life);
      if (life?.alive !== false) settle();
    });
  });
}

class Statement {
  readonly #d1: D1;
  readonly sql: string;
  readonly values: Value[];

  constructor(d1: D1, sql: string, values: Value[]) {
    this.#d1 = d1;
    this.sql = sql;
    this.values = values;
  }

  bind(...values: Value[]): Statement {
    return new Statement(this.#d1, this.sql, values);
  }

  all() {
    return this.#d1.ask(() => this.#d1.results(this.sql, this.values));
  }

  run() {
    return this.all();
  }

  async first(): Promise<Row | null> {
    return ((await this.all()).results[0] as Row | undefined) ?? null;
  }

  raw(): Promise<unknown[]> {
    return this.#d1.ask(() => this.#d1.arrays(this.sql, this.values));
  }
}

/** D1 over node:sqlite, with outages. */
export class D1 {
  readonly #database = new DatabaseSync(':memory:');
  readonly #statements = new Map<string, StatementSync>();
  readonly #deps: OutsideDeps;
  /** It is away until then. */
  awayUntil = 0;

  constructor(deps: OutsideDeps) {
    this.#deps = deps;
    this.#database.exec(migrationSql);
  }

  close(): void {
    this.#database.close();
  }

  prepare(sql: string): Statement {
    return new Statement(this, sql, []);
  }

  batch(statements: Statement[]) {
    return this.ask(() => {
      this.#database.exec('BEGIN');
      try {
        const results = statements.map(({ sql, values }) => this.results(sql, values));
        this.#database.exec('COMMIT');
        return results;
      } catch (error) {
        this.#database.exec('ROLLBACK');
        throw error;
      }
    });
  }

  /** For checks. */
  rows(sql: string, ...values: Value[]): Row[] {
    return this.#prepared(sql, false).all(...values) as Row[];
  }

  results(sql: string, values: Value[]) {
    return { success: true, results: this.#prepared(sql, false).all(...values.map(stored)), meta: {} };
  }

  arrays(sql: string, values: Value[]): unknown[] {
    return this.#prepared(sql, true).all(...values.map(stored));
  }

  ask<T>(work: () => T): Promise<T> {
    const { clock, random, faults } = this.#deps;
    const share = faults().d1Away;
    if (clock.now >= this.awayUntil && random.chance(share * 0.02))
      this.awayUntil = clock.now + random.exponential(120_000);
    const isAway = share > 0 && clock.now < this.awayUntil;
    const losesAnswer = random.chance(share * 0.1);
    return answered(this.#deps, random.between(2, 40), () => {
      if (isAway) throw new Error('D1_ERROR: the database is away');
      const result = work();
      if (losesAnswer) throw new Error('D1_ERROR: network connection lost');
      return result;
    });
  }

  #prepared(sql: string, asArrays: boolean): StatementSync {
    const key = `${asArrays ? 'a' : 'o'}${sql}`;
    let statement = this.#statements.get(key);
    if (!statement) {
      statement = this.#database.prepare(sql);
      if (asArrays) statement.setReturnArrays(true);
      this.#statements.set(key, statement);
    }
    return statement;
  }
}

const stored = (value: unknown): Value =>
  typeof value === 'boolean' ? Number(value) : value === undefined ? null : (value as Value);

interface StoredObject {
  bytes: Uint8Array;
  customMetadata: Record<string, string>;
}

interface ListOptions {
  prefix?: string;
  limit?: number;
  cursor?: string;
  startAfter?: string;
}

/** R2: by key, with the digest checked. */
export class Bucket {
  readonly #deps: OutsideDeps;
  readonly #objects = new Map<string, StoredObject>();

  constructor(deps: OutsideDeps) {
    this.#deps = deps;
  }

  head(key: string) {
    return this.#ask(() => this.#about(key));
  }

  get(key: string) {
    return this.#ask(() => this.#whole(key));
  }

  put(
    key: string,
    content: Uint8Array | string,
    options: { sha256?: string; customMetadata?: Record<string, string> } = {},
  ) {
    const bytes = typeof content === 'string' ? new TextEncoder().encode(content) : content;
    return this.#ask(() => {
      const digest = createHash('sha256').update(bytes).digest('hex');
      if (options.sha256 !== undefined && options.sha256 !== digest) throw new Error('R2: bad digest');
      this.#objects.set(key, { bytes, customMetadata: options.customMetadata ?? {} });
      return this.#about(key);
    });
  }

  delete(keys: string | string[]) {
    return this.#ask(() => {
      for (const key of [keys].flat()) this.#objects.delete(key);
    });
  }

  list(options: ListOptions) {
    return this.#ask(() => this.#list(options));
  }

  /** For checks: the same, at once and without failures. */
  forChecks() {
    return {
      get: async (key: string) => this.#whole(key),
      list: async (options: ListOptions) => this.#list(options),
    };
  }

  #list({ prefix = '', limit = 1_000, cursor, startAfter }: ListOptions) {
    const after = cursor ?? startAfter ?? '';
    const keys = [...this.#objects.keys()].filter((key) => key.startsWith(prefix) && key > after).sort();
    const page = keys.slice(0, limit);
    return {
      objects: page.map((key) => ({ ...this.#about(key), key })),
      truncated: keys.length > limit,
      cursor: page.at(-1),
    };
  }

  #whole(key: string) {
    const found = this.#objects.get(key);
    if (found === undefined) return null;
    const { bytes } = found;
    return {
      ...this.#about(key),
      text: async () => new TextDecoder().decode(bytes),
      json: async () => JSON.parse(new TextDecoder().decode(bytes)) as unknown,
      arrayBuffer: async () => Uint8Array.from(bytes).buffer,
      body: bytes,
    };
  }

  #about(key: string) {
    const found = this.#objects.get(key);
    if (found === undefined) return null;
    const { bytes, customMetadata } = found;
    return { key, size: bytes.byteLength, httpMetadata: {}, customMetadata };
  }

  #ask<T>(work: () => T): Promise<T> {
    return answered(this.#deps, this.#deps.random.between(5, 60), work);
  }
}
