import { decideAfterFailure } from '../../core/outbox/backoff.ts';
import { splitHtml } from '../../workers/adapters/telegram/split-html.ts';
import { Journal, sha256Hex } from '../shared/journal.ts';
import { auditRowOf } from '../shared/journal-audit.ts';
import { migrate } from '../shared/migrate.ts';
import type { Failure } from '../shared/outbox-drain.ts';
import { ProjectionQueue } from '../shared/projection.ts';
import type { Sql } from '../shared/sql.ts';
import { telegramMigrations } from './telegram-migrations.ts';
import { nextSlotAt, PACING_WINDOW_MS, type Sent } from './telegram-pacing.ts';
import type { TelegramRpc } from './telegram-rpc.ts';

/** Below Telegram’s 4,096: the remark on a repeated message must fit too. */
const PART_LIMIT = 4_000;

export type Message = Parameters<TelegramRpc['send']>[0];

/** `sending` is committed before the call: found in a fresh instance, it is not known whether it arrived. */
export type PostState = 'pending' | 'sending' | 'sent' | 'dead';

export interface Post {
  n: number;
  key: string;
  part: number;
  kind: 'send' | 'settle' | 'callback';
  /** Posts of one lane go one after the other. */
  lane: string;
  chat: string;
  thread: number | null;
  html: string;
  buttons: { text: string; action: string }[];
  /** `settle`: the key of the message to edit. `callback`: Telegram’s id of the pressed button. */
  target: string | null;
  state: PostState;
  tries: number;
  nextAt: number;
  error: string | null;
  /** An earlier try may have arrived. */
  doubtful: boolean;
  messageId: number | null;
}

interface PostRow extends Record<string, string | number | null> {
  n: number;
  key: string;
  part: number;
  kind: Post['kind'];
  lane: string;
  chat: string;
  thread: number | null;
  html: string;
  buttons: string;
  target: string | null;
  state: PostState;
  tries: number;
  next_at: number;
  error: string | null;
  doubtful: number;
  message_id: number | null;
}

const postOf = ({ next_at, message_id, buttons, doubtful, ...row }: PostRow): Post => ({
  ...row,
  buttons: JSON.parse(buttons) as Post['buttons'],
  nextAt: next_at,
  doubtful: doubtful === 1,
  messageId: message_id,
});

/** Everything that goes to Telegram, in order per chat. */
export class TelegramStore {
  readonly projections: ProjectionQueue;
  readonly #sql: Sql;
  readonly #journal: Journal;
  readonly #changed: () => void;

  constructor(sql: Sql, changed: () => void) {
    migrate(sql, telegramMigrations);
    this.#sql = sql;
    this.#changed = changed;
    this.#journal = new Journal(sql, 'telegram');
    this.projections = new ProjectionQueue(sql);
  }

  /** To be called once by a fresh instance: what was being sent when the last one ended is in doubt. */
  doubtInterrupted(): void {
    this.#sql.run(`UPDATE posts SET state = 'pending', doubtful = 1 WHERE state = 'sending'`);
  }

  send({ key, chat, thread, html, buttons, at }: Message): void {
    if (this.#get(key, 0)) return;
    const parts = splitHtml(html, PART_LIMIT);
    this.#transaction(() => {
      for (const [part, text] of (parts.length > 0 ? parts : ['…']).entries())
        this.#insert({
          key,
          part,
          kind: 'send',
          lane: chat,
          chat,
          thread,
          html: text,
          buttons: part === parts.length - 1 ? buttons : [],
          target: null,
          at,
        });
    });
  }

  settle(key: string, line: string, at: number): void {
    const message = this.lastPart(key);
    const settleKey = `settle:${key}:${sha256Hex(line).slice(0, 16)}`;
    if (!message || this.#get(settleKey, 0)) return;
    this.#transaction(() =>
      this.#insert({
        key: settleKey,
        part: 0,
        kind: 'settle',
        lane: message.chat,
        chat: message.chat,
        thread: message.thread,
        html: line,
        buttons: [],
        target: key,
        at,
      }),
    );
  }

  answerCallback(callback: string, text: string, at: number): void {
    const key = `callback:${callback}`;
    if (this.#get(key, 0)) return;
    this.#transaction(() =>
      this.#insert({
        key,
        part: 0,
        kind: 'callback',
        lane: key,
        chat: '',
        thread: null,
        html: text,
        buttons: [],
        target: callback,
        at,
      }),
    );
  }

  /** The first unsent post of each lane, with the earliest time it may go. */
  heads(): { post: Post; at: number }[] {
    const rows = this.#sql.all<PostRow>(
      `SELECT * FROM posts WHERE n IN (
         SELECT min(n) FROM posts WHERE state IN ('pending', 'sending') GROUP BY lane) ORDER BY n`,
    );
    const sent = this.#sql.all<Sent & Record<string, string | number>>(
      'SELECT chat, at FROM sends ORDER BY at',
    );
    return rows.map(postOf).map((post) => ({
      post,
      at: Math.max(post.nextAt, post.kind === 'callback' ? 0 : nextSlotAt(sent, post.chat)),
    }));
  }

  begin({ n, kind, chat }: Post, nowMs: number): void {
    this.#transaction(() => {
      this.#sql.run(`UPDATE posts SET state = 'sending', tries = tries + 1 WHERE n = ?`, n);
      if (kind === 'callback') return;
      this.#sql.run('INSERT INTO sends (at, chat) VALUES (?, ?)', nowMs, chat);
      this.#sql.run('DELETE FROM sends WHERE at < ?', nowMs - PACING_WINDOW_MS);
    });
  }

  sent(post: Post, messageId: number | null, at: number): void {
    this.#transaction(() => {
      this.#sql.run(
        `UPDATE posts SET state = 'sent', message_id = ?, error = NULL WHERE n = ?`,
        messageId,
        post.n,
      );
      const { key, part, kind, chat, doubtful: repeated } = post;
      if (kind !== 'callback') this.#note(at, `telegram_${kind}`, { key, part, chat, messageId, repeated });
    });
  }

  redact(html: string): void {
    this.#sql.run(
      `UPDATE posts SET html = replace(html, ?, '(deleted)') WHERE instr(html, ?) > 0`,
      html,
      html,
    );
  }

  /** What a message says now, after an edit. */
  edited(post: Post, html: string): void {
    this.#sql.run('UPDATE posts SET html = ? WHERE n = ?', html, post.n);
  }

  failed(post: Post, failure: Failure & { doubtful: boolean }): void {
    const { error, nowMs } = failure;
    const after = decideAfterFailure({ ...failure, tries: post.tries + 1 });
    this.#transaction(() => {
      this.#sql.run(
        `UPDATE posts SET state = ?, next_at = ?, error = ?, doubtful = max(doubtful, ?) WHERE n = ?`,
        after.kind === 'retry' ? 'pending' : 'dead',
        after.kind === 'retry' ? after.atMs : nowMs,
        error,
        failure.doubtful ? 1 : 0,
        post.n,
      );
      if (after.kind === 'retry') return;
      this.#note(nowMs, 'telegram_dead', { key: post.key, part: post.part, chat: post.chat, error });
      this.#projectDeadLetter({ ...post, error, tries: post.tries + 1 }, 'dead', nowMs);
    });
  }

  retry(key: string, at: number): boolean {
    const dead = this.#sql
      .all<PostRow>(`SELECT * FROM posts WHERE key = ? AND state = 'dead'`, key)
      .map(postOf);
    this.#transaction(() => {
      for (const post of dead) {
        this.#sql.run(`UPDATE posts SET state = 'pending', tries = 0, next_at = ? WHERE n = ?`, at, post.n);
        this.#note(at, 'telegram_replayed', { key, part: post.part });
        this.#projectDeadLetter(post, 'replayed', at);
      }
    });
    return dead.length > 0;
  }

  keyOf(chat: string, messageId: number): string | null {
    const query = `SELECT key FROM posts WHERE message_id = ? AND chat = ? AND kind = 'send' ORDER BY n DESC LIMIT 1`;
    return this.#sql.all<{ key: string }>(query, messageId, chat)[0]?.key ?? null;
  }

  lastPart(key: string): Post | null {
    const row = this.#sql.all<PostRow>(
      'SELECT * FROM posts WHERE key = ? ORDER BY part DESC LIMIT 1',
      key,
    )[0];
    return row ? postOf(row) : null;
  }

  #get(key: string, part: number): boolean {
    return this.#sql.all('SELECT 1 FROM posts WHERE key = ? AND part = ?', key, part).length > 0;
  }

  #insert(
    post: Pick<Post, 'key' | 'part' | 'kind' | 'lane' | 'chat' | 'thread' | 'html' | 'buttons' | 'target'> & {
      at: number;
    },
  ): void {
    this.#sql.run(
      `INSERT INTO posts (key, part, kind, lane, chat, thread, html, buttons, target, next_at)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      post.key,
      post.part,
      post.kind,
      post.lane,
      post.chat,
      post.thread,
      post.html,
      JSON.stringify(post.buttons),
      post.target,
      post.at,
    );
  }

  #note(at: number, type: string, data: unknown): void {
    const line = this.#journal.append({ at, type, v: 1, data });
    this.projections.add(auditRowOf(line, this.#journal.chain));
  }

  #projectDeadLetter(post: Post, state: 'dead' | 'replayed', at: number): void {
    const known = this.#sql.all<{ seq: number }>('SELECT seq FROM state_seq')[0]?.seq ?? 0;
    this.#sql.run('INSERT OR REPLACE INTO state_seq (one, seq) VALUES (1, ?)', known + 1);
    this.projections.add({
      table: 'dead_letters',
      row: {
        id: `telegram:${post.key}:${post.part}`,
        seq: known + 1,
        objectType: 'telegram',
        object: 'bot',
        key: post.key,
        kind: post.kind,
        incident: null,
        state,
        tries: post.tries,
        error: post.error ?? '',
        // The text stays here: it may name people, and D1 is no place for that.
        body: JSON.stringify({ chat: post.chat, thread: post.thread, part: post.part }),
        at,
      },
    });
  }

  #transaction(work: () => void): void {
    this.#journal.transaction(() => {
      work();
      this.#changed();
    });
  }
}
