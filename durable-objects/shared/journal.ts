import { createHash } from 'node:crypto';
import { canonicalJson } from '../../core/journal/canonical-json.ts';
import { type ChainFault, findFault, GENESIS, linkOf } from '../../core/journal/hash-chain.ts';
import type { Entry } from '../../core/loops/loop.ts';
import type { Sql } from './sql.ts';

export const journalTable = `CREATE TABLE journal (
  seq INTEGER PRIMARY KEY,
  at INTEGER NOT NULL,
  type TEXT NOT NULL,
  v INTEGER NOT NULL,
  data TEXT NOT NULL,
  prev TEXT NOT NULL,
  hash TEXT NOT NULL
)`;

/** `data` is canonical JSON text: what was hashed is what is kept. */
export interface JournalLine {
  seq: number;
  at: number;
  type: string;
  v: number;
  data: string;
  prev: string;
  hash: string;
}

type JournalRow = JournalLine & Record<string, string | number>;

export const sha256Hex = (text: string): string => createHash('sha256').update(text).digest('hex');
export const sha256Bytes = (text: string): Uint8Array => createHash('sha256').update(text).digest();

const contentOf = (line: Pick<JournalLine, 'at' | 'type' | 'v' | 'data'>): unknown => ({
  at: line.at,
  type: line.type,
  v: line.v,
  data: JSON.parse(line.data),
});

/** An object's append-only, hash-chained record. Lines are never changed or removed. */
export class Journal {
  readonly chain: string;
  readonly #sql: Sql;
  #head: { seq: number; hash: string } | null = null;

  constructor(sql: Sql, chain: string) {
    this.#sql = sql;
    this.chain = chain;
  }

  /** Everything inside is written, or nothing, and then nothing of it is remembered either. Must not await. */
  transaction<T>(work: () => T): T {
    try {
      return this.#sql.transaction(work);
    } catch (error) {
      this.#head = null;
      throw error;
    }
  }

  /** Must run inside `transaction`. */
  append(entry: Omit<Entry, 'seq'>): JournalLine {
    const { seq: last, hash: prev } = this.head();
    const seq = last + 1;
    const data = canonicalJson(entry.data);
    const line = { seq, at: entry.at, type: entry.type, v: entry.v, data, prev };
    const { hash } = linkOf(this.chain, seq, prev, contentOf(line), sha256Hex);
    this.#sql.run(
      'INSERT INTO journal (seq, at, type, v, data, prev, hash) VALUES (?, ?, ?, ?, ?, ?, ?)',
      seq,
      line.at,
      line.type,
      line.v,
      data,
      prev,
      hash,
    );
    this.#head = { seq, hash };
    return { ...line, hash };
  }

  head(): { seq: number; hash: string } {
    this.#head ??= this.#sql.all<{ seq: number; hash: string }>(
      'SELECT seq, hash FROM journal ORDER BY seq DESC LIMIT 1',
    )[0] ?? { seq: 0, hash: GENESIS };
    return this.#head;
  }

  lines(afterSeq = 0): JournalLine[] {
    return this.#sql.all<JournalRow>(
      'SELECT seq, at, type, v, data, prev, hash FROM journal WHERE seq > ? ORDER BY seq',
      afterSeq,
    );
  }

  /** The first place where the chain does not hold; null when all of it does. */
  findFault(): ChainFault | null {
    const links = this.lines().map((line) => ({
      chain: this.chain,
      seq: line.seq,
      prev: line.prev,
      hash: line.hash,
      content: contentOf(line),
    }));
    return findFault(links, sha256Hex);
  }
}
