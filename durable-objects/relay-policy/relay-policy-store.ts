import { decideRelay, normaliseWords, REPEAT_WINDOW_MS } from '../../core/relay/decide-relay.ts';
import { Journal, sha256Hex } from '../shared/journal.ts';
import { auditRowOf } from '../shared/journal-audit.ts';
import { migrate } from '../shared/migrate.ts';
import { Outbox } from '../shared/outbox.ts';
import type { Failure } from '../shared/outbox-drain.ts';
import { ProjectionQueue } from '../shared/projection.ts';
import type { Sql } from '../shared/sql.ts';
import { relayPolicyMigrations } from './relay-policy-migrations.ts';
import type { RelayAnswer, RelayPolicyRpc } from './relay-policy-rpc.ts';

export interface Route {
  from: string;
  to: string;
  since: number;
  by: string;
}

export type RelayRequestFacts = Parameters<RelayPolicyRpc['ask']>[0];

/** Oldest ones are forgotten beyond these: a loop shows itself long before. */
const MAX_SAID = 2_000;
const MAX_CONVERSATIONS = 5_000;

/** Which agent may write to which, and which conversations go round in circles. Changes and refusals are audited. */
export class RelayPolicyStore {
  readonly outbox: Outbox;
  readonly projections: ProjectionQueue;
  readonly journal: Journal;
  readonly #sql: Sql;
  readonly #changed: () => void;

  constructor(sql: Sql, changed: () => void) {
    migrate(sql, relayPolicyMigrations);
    this.#sql = sql;
    this.#changed = changed;
    this.outbox = new Outbox(sql);
    this.projections = new ProjectionQueue(sql);
    this.journal = new Journal(sql, 'relay-policy');
  }

  allows(from: string, to: string): boolean {
    return this.#sql.all('SELECT 1 FROM routes WHERE sender = ? AND target = ?', from, to).length > 0;
  }

  routes(): Route[] {
    return this.#sql.all<{ from: string; to: string; since: number; by: string }>(
      'SELECT sender AS "from", target AS "to", since, by FROM routes ORDER BY sender, target',
    );
  }

  allow(from: string, to: string, by: string, at: number): void {
    if (this.allows(from, to)) return;
    this.#change(() => {
      this.#sql.run('INSERT INTO routes (sender, target, since, by) VALUES (?, ?, ?, ?)', from, to, at, by);
      this.#audit('relay_route_allowed', { from, to, by }, at);
    });
  }

  remove(from: string, to: string, by: string, at: number): boolean {
    if (!this.allows(from, to)) return false;
    this.#change(() => {
      this.#sql.run('DELETE FROM routes WHERE sender = ? AND target = ?', from, to);
      this.#audit('relay_route_removed', { from, to, by }, at);
    });
    return true;
  }

  /** A message that was let through is let through again: the sender may have missed the answer. */
  ask({ text, ...request }: RelayRequestFacts): RelayAnswer {
    const { from, to, message, conversation, run, at } = request;
    const hasRoute = this.allows(from, to);
    const known = this.#sql.all('SELECT 1 FROM said WHERE message = ?', message).length > 0;
    if (hasRoute && known) return { allowed: true };
    const digest = text === null ? null : sha256Hex(normaliseWords(text));
    const decision = decideRelay({
      from,
      to,
      hasRoute,
      receivedAtHop: run === null ? null : this.#receivedAtHop(conversation, from),
      saidBeforeAt: digest === null ? null : this.#saidAt(from, to, digest),
      nowMs: at,
    });
    this.#change(() => {
      if (decision.allowed) {
        if (digest !== null) this.#remember(message, from, to, digest, at);
        this.#reach(conversation, to, decision.hops, at);
        return;
      }
      const { code, reason } = decision;
      const { incident } = request;
      this.#audit('relay_refused', { from, to, message, incident, run, by: from, code, reason }, at);
      if (code === 'route_not_allowed') return;
      const cut = code === 'relay_loop_hops' ? conversation : `${from}:${to}:${digest}`;
      this.outbox.add(
        {
          key: `${code}:${cut}`,
          kind: 'tell_cut',
          lane: null,
          body: JSON.stringify({ from, to, code, run, incident }),
        },
        at,
      );
    });
    return decision.allowed
      ? { allowed: true }
      : { allowed: false, code: decision.code, reason: decision.reason };
  }

  done(key: string): void {
    this.#change(() => this.outbox.done(key));
  }

  fail(key: string, failure: Failure): void {
    this.#change(() => {
      if (this.outbox.fail(key, failure).kind === 'dead') this.#projectDeadLetter(key, 'dead', failure.nowMs);
    });
  }

  retry(key: string, at: number): boolean {
    if (this.outbox.get(key)?.state !== 'dead') return false;
    this.#change(() => {
      this.outbox.revive(key, at);
      this.#projectDeadLetter(key, 'replayed', at);
    });
    return true;
  }

  #projectDeadLetter(key: string, state: 'dead' | 'replayed', at: number): void {
    const item = this.outbox.get(key);
    if (item === null) return;
    const { kind, tries, error, body } = item;
    const incident = (JSON.parse(body) as { incident: string | null }).incident;
    this.projections.add({
      table: 'dead_letters',
      row: {
        id: `relay-policy:${key}`,
        seq: at,
        objectType: 'relay_policy',
        object: 'policy',
        key,
        kind,
        incident,
        state,
        tries,
        error: error ?? '',
        body,
        at,
      },
    });
  }

  #receivedAtHop(conversation: string, agent: string): number {
    return (
      this.#sql.all<{ hops: number }>(
        'SELECT hops FROM reached WHERE conversation = ? AND agent = ?',
        conversation,
        agent,
      )[0]?.hops ?? 0
    );
  }

  #reach(conversation: string, agent: string, hops: number, at: number): void {
    this.#sql.run(
      `INSERT INTO reached (conversation, agent, hops, at) VALUES (?, ?, ?, ?)
       ON CONFLICT (conversation, agent) DO UPDATE SET hops = excluded.hops, at = excluded.at`,
      conversation,
      agent,
      hops,
      at,
    );
    this.#sql.run(
      `DELETE FROM reached WHERE rowid IN (SELECT rowid FROM reached ORDER BY at DESC LIMIT -1 OFFSET ${MAX_CONVERSATIONS})`,
    );
  }

  #saidAt(from: string, to: string, digest: string): number | null {
    return (
      this.#sql.all<{ at: number }>(
        'SELECT max(at) AS at FROM said WHERE sender = ? AND target = ? AND digest = ? HAVING max(at) IS NOT NULL',
        from,
        to,
        digest,
      )[0]?.at ?? null
    );
  }

  #remember(message: string, from: string, to: string, digest: string, at: number): void {
    this.#sql.run(
      'INSERT OR REPLACE INTO said (message, sender, target, digest, at) VALUES (?, ?, ?, ?, ?)',
      message,
      from,
      to,
      digest,
      at,
    );
    this.#sql.run('DELETE FROM said WHERE at < ?', at - REPEAT_WINDOW_MS);
    this.#sql.run(
      `DELETE FROM said WHERE rowid IN (SELECT rowid FROM said ORDER BY at DESC LIMIT -1 OFFSET ${MAX_SAID})`,
    );
  }

  #audit(type: string, data: unknown, at: number): void {
    const line = this.journal.append({ at, type, v: 1, data });
    this.projections.add(auditRowOf(line, this.journal.chain));
  }

  #change(work: () => void): void {
    this.journal.transaction(() => {
      work();
      this.#changed();
    });
  }
}
