import { MAX_WAITING, type ScheduleDefinition, type ScheduledTask } from '../../core/schedules/definition.ts';
import type { Skipped } from '../../core/schedules/due.ts';
import { sha256Hex } from '../shared/journal.ts';
import type { Outbox } from '../shared/outbox.ts';
import { DELETED, redactColumns } from '../shared/redact.ts';
import type { Sql } from '../shared/sql.ts';
import type { FiringCause, FiringRow, FiringStatus } from './scheduler-rows.ts';
import type { FiringOutcome, HandOver } from './scheduler-rpc.ts';

const MINUTE_MS = 60_000;
/** After this time without word of an end, the next one may go: nothing is blocked for ever by a lost word. */
const GIVE_UP_MS: Readonly<Record<ScheduledTask['kind'], number>> = {
  check_pipelines: 30 * MINUTE_MS,
  reconcile: 30 * MINUTE_MS,
  agent: 24 * 60 * MINUTE_MS,
};
/** One firing is done in so many pieces at most. */
const MAX_PARTS = 100;
/** Firings of one schedule that are kept, and for how long those that were asked for are kept besides. */
const KEPT_FIRINGS = 500;
const KEPT_MS = 30 * 86_400_000;

export interface Claim {
  /** Unique for ever: `<schedule>:<due time>`, `<schedule>:fire:<key>`. */
  id: string;
  cause: FiringCause;
  dueAt: number | null;
  text: string | null;
}

export type Claimed = { status: 'going' | 'waiting' | 'skipped'; note: string | null };

const giveUpAt = ({ task }: FiringRow, at: number): number =>
  at + GIVE_UP_MS[(JSON.parse(task) as ScheduledTask).kind];

/** Claims and what became of them. Everything here runs inside a transaction of the store. */
export class Firings {
  readonly #sql: Sql;
  readonly #outbox: Outbox;

  constructor(sql: Sql, outbox: Outbox) {
    this.#sql = sql;
    this.#outbox = outbox;
  }

  get(id: string): FiringRow | null {
    return this.#sql.all<FiringRow>('SELECT * FROM firings WHERE id = ?', id)[0] ?? null;
  }

  /** Newest first. */
  of(schedule: string, limit: number): FiringRow[] {
    return this.#sql.all<FiringRow>(
      `SELECT * FROM firings WHERE schedule = ? ORDER BY n DESC LIMIT ${limit}`,
      schedule,
    );
  }

  /** The newest that was not skipped. */
  latest(schedule: string): FiringRow | null {
    return (
      this.#sql.all<FiringRow>(
        `SELECT * FROM firings WHERE schedule = ? AND status <> 'skipped' ORDER BY n DESC LIMIT 1`,
        schedule,
      )[0] ?? null
    );
  }

  /** The firing that an incident took over; null: it is of none. */
  ofTarget(incident: string): FiringRow | null {
    return this.#sql.all<FiringRow>('SELECT * FROM firings WHERE target = ?', incident)[0] ?? null;
  }

  /** Claims of one moment wait for each other, whatever the schedule says of overlap: all were promised. */
  claim(schedule: ScheduleDefinition, claims: readonly Claim[], at: number): Claimed[] {
    const before = this.#count(schedule.id, 'going');
    // A clock that went back may bring a due time up again.
    const fresh = claims.filter(({ id }) => this.get(id) === null);
    return claims.map((claim) => {
      const index = fresh.indexOf(claim);
      if (index < 0) return { status: 'skipped', note: 'it was claimed before' };
      const claimed = this.#place(schedule, before, index);
      this.#insert(schedule, claim, claimed, at);
      if (claimed.status === 'going') this.#handOn(claim.id, at);
      return claimed;
    });
  }

  /** A line for people: due times that nobody served. */
  noteMissed(schedule: ScheduleDefinition, missed: Skipped, at: number): void {
    const id = `${schedule.id}:missed:${missed.from}-${missed.to}`;
    if (this.get(id) !== null) return;
    const note = `${missed.count ?? 'many'} due times were missed and not made good (policy ${schedule.policy})`;
    const claim: Claim = { id, cause: 'due', dueAt: missed.to, text: null };
    this.#insert(schedule, claim, { status: 'skipped', note }, at);
  }

  /** False: it had ended, or that piece of it had. */
  settle(id: string, part: number, outcome: FiringOutcome, at: number): boolean {
    const firing = this.get(id);
    if (firing === null || !['going', 'failed'].includes(firing.status)) return false;
    if (part !== firing.part) return false;
    switch (outcome.kind) {
      case 'going':
        this.#sql.run(
          `UPDATE firings SET status = 'going', target = ?, note = NULL, ended_at = NULL, give_up_at = ?
           WHERE id = ?`,
          outcome.target,
          giveUpAt(firing, at),
          id,
        );
        return true;
      case 'more':
        if (firing.part >= MAX_PARTS) this.#end(firing, 'done', outcome.note, at);
        else {
          this.#sql.run('UPDATE firings SET part = part + 1, note = ? WHERE id = ?', outcome.note, id);
          this.#handOn(id, at);
        }
        return true;
      default:
        this.#end(firing, outcome.kind, outcome.note, at);
        return true;
    }
  }

  /** Those of which no end was heard in time. */
  giveUp(nowMs: number): FiringRow[] {
    const silent = this.#sql.all<FiringRow>(
      `SELECT * FROM firings WHERE status = 'going' AND give_up_at <= ?`,
      nowMs,
    );
    for (const firing of silent)
      this.#end(firing, 'failed', 'no end was heard of it; the next one may go', nowMs);
    return silent;
  }

  /** Takes a text out of what is kept here. */
  redact(text: string): void {
    redactColumns(this.#sql, 'firings', ['text'], text);
    this.#sql.run(`UPDATE firings SET text_hash = NULL WHERE instr(text, '${DELETED}') > 0`);
  }

  nextGiveUpAt(): number | null {
    return (
      this.#sql.all<{ at: number | null }>(
        `SELECT min(give_up_at) AS at FROM firings WHERE status = 'going'`,
      )[0]?.at ?? null
    );
  }

  /** What is handed on of a firing that was buried goes on when it is revived. */
  revive(id: string, at: number): void {
    const firing = this.get(id);
    if (firing?.status !== 'failed') return;
    this.#sql.run(
      `UPDATE firings SET status = 'going', note = NULL, ended_at = NULL, give_up_at = ? WHERE id = ?`,
      giveUpAt(firing, at),
      id,
    );
  }

  #place({ id, overlap }: ScheduleDefinition, before: number, index: number): Claimed {
    if (before === 0) return { status: index === 0 ? 'going' : 'waiting', note: null };
    const [going] = this.#sql.all<{ id: string }>(
      `SELECT id FROM firings WHERE schedule = ? AND status = 'going' ORDER BY n LIMIT 1`,
      id,
    );
    if (overlap === 'skip')
      return { status: 'skipped', note: `${going?.id ?? 'the one before'} is still going` };
    return this.#count(id, 'waiting') >= MAX_WAITING
      ? { status: 'skipped', note: `${MAX_WAITING} wait already` }
      : { status: 'waiting', note: null };
  }

  #insert(schedule: ScheduleDefinition, claim: Claim, { status, note }: Claimed, at: number): void {
    this.#sql.run(
      `INSERT INTO firings (id, schedule, agent_group, task, cause, due_at, at, text, text_hash, status, give_up_at, note, ended_at)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      claim.id,
      schedule.id,
      schedule.group,
      JSON.stringify(schedule.task),
      claim.cause,
      claim.dueAt,
      at,
      status === 'skipped' ? null : claim.text,
      claim.text === null ? null : sha256Hex(claim.text),
      status,
      status === 'going' ? at + GIVE_UP_MS[schedule.task.kind] : null,
      note,
      status === 'skipped' ? at : null,
    );
    this.#prune(schedule.id, at);
  }

  #end(firing: FiringRow, status: FiringStatus, note: string, at: number): void {
    // A failed one may be replayed, and then needs its text.
    this.#sql.run(
      `UPDATE firings SET status = ?, note = ?, ended_at = ?, give_up_at = NULL
       ${status === 'failed' ? '' : ', text = NULL'} WHERE id = ?`,
      status,
      note,
      at,
      firing.id,
    );
    if (this.#count(firing.schedule, 'going') > 0) return;
    const [next] = this.#sql.all<FiringRow>(
      `SELECT * FROM firings WHERE schedule = ? AND status = 'waiting' ORDER BY n LIMIT 1`,
      firing.schedule,
    );
    if (next === undefined) return;
    this.#sql.run(
      `UPDATE firings SET status = 'going', give_up_at = ? WHERE id = ?`,
      giveUpAt(next, at),
      next.id,
    );
    this.#handOn(next.id, at);
  }

  #handOn(id: string, at: number): void {
    const part = this.get(id)?.part ?? 1;
    const body: HandOver = { firing: id, part };
    this.#outbox.add({ key: deliveryOf(body), kind: 'hand_on', lane: null, body: JSON.stringify(body) }, at);
  }

  #count(schedule: string, status: FiringStatus): number {
    return (
      this.#sql.all<{ c: number }>(
        'SELECT count(*) AS c FROM firings WHERE schedule = ? AND status = ?',
        schedule,
        status,
      )[0]?.c ?? 0
    );
  }

  /** Due times never come up again; what somebody asked for under a key might be repeated. */
  #prune(schedule: string, nowMs: number): void {
    const [oldest] = this.#sql.all<{ n: number }>(
      `SELECT n FROM firings WHERE schedule = ? ORDER BY n DESC LIMIT 1 OFFSET ${KEPT_FIRINGS}`,
      schedule,
    );
    if (oldest === undefined) return;
    this.#sql.run(
      `DELETE FROM firings WHERE schedule = ? AND n <= ? AND ended_at IS NOT NULL AND (cause = 'due' OR at < ?)`,
      schedule,
      oldest.n,
      nowMs - KEPT_MS,
    );
    this.#sql.run(
      `DELETE FROM outbox WHERE state = 'done' AND n <= (SELECT max(n) FROM outbox) - ?`,
      KEPT_FIRINGS,
    );
  }
}

/** The id under which the Inbox knows a piece of a firing. */
export const deliveryOf = ({ firing, part }: HandOver): string => (part === 1 ? firing : `${firing}#${part}`);
