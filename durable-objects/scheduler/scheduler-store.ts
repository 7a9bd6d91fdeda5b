import { canonicalJson } from '../../core/journal/canonical-json.ts';
import type { ScheduleDefinition } from '../../core/schedules/definition.ts';
import { decideDue } from '../../core/schedules/due.ts';
import { Journal, sha256Hex } from '../shared/journal.ts';
import { auditRowOf } from '../shared/journal-audit.ts';
import { migrate } from '../shared/migrate.ts';
import { Outbox } from '../shared/outbox.ts';
import type { Failure } from '../shared/outbox-drain.ts';
import { ProjectionQueue } from '../shared/projection.ts';
import type { Sql } from '../shared/sql.ts';
import { Firings } from './scheduler-firings.ts';
import { Kept } from './scheduler-kept.ts';
import { schedulerMigrations } from './scheduler-migrations.ts';
import { definitionOf, type Firing, firingOf, type ScheduleView } from './scheduler-rows.ts';
import type {
  FireAnswer,
  FireRequest,
  FiringOutcome,
  FiringWork,
  HandOver,
  ScheduleToken,
} from './scheduler-rpc.ts';
import { nextOf, ScheduleTable, viewOf } from './scheduler-table.ts';

const CHAIN = 'scheduler';
/** After an error of ours with one schedule. */
const RETRY_MS = 60_000;
/** Firings shown with a schedule. */
const SHOWN_FIRINGS = 50;

/** A schedule that comes with the deploy. */
export interface Deployed {
  source: 'built-in' | 'crew';
  definition: ScheduleDefinition;
}

/** Schedules, the claim of each due time, and what became of it. One transaction decides and claims. */
export class SchedulerStore {
  readonly outbox: Outbox;
  readonly projections: ProjectionQueue;
  readonly journal: Journal;
  readonly #kept: Kept;
  readonly #table: ScheduleTable;
  readonly #firings: Firings;
  readonly #changed: () => void;

  constructor(sql: Sql, changed: () => void) {
    migrate(sql, schedulerMigrations);
    this.#kept = new Kept(sql);
    this.#changed = changed;
    this.outbox = new Outbox(sql);
    this.projections = new ProjectionQueue(sql);
    this.journal = new Journal(sql, CHAIN);
    this.#table = new ScheduleTable(sql);
    this.#firings = new Firings(sql, this.outbox);
  }

  /** Makes the deployed schedules what they are to be. One that is named no more is kept, inactive. */
  adopt(wanted: readonly Deployed[], nowMs: number): void {
    const digest = sha256Hex(canonicalJson(wanted));
    if (this.#kept.get('deployed') === digest) return;
    this.#transaction(() => {
      for (const { source, definition } of wanted) {
        const change = this.#table.put(definition, source, nowMs);
        if (change !== 'unchanged')
          this.#note(`schedule_${change}`, { by: source, schedule: definition.id, definition }, nowMs);
      }
      const names = new Set(wanted.map(({ definition }) => definition.id));
      for (const { id, source, active } of this.#table.rows())
        if (source !== 'operator' && active === 1 && !names.has(id)) {
          this.#table.deactivate(id);
          this.#note('schedule_deactivated', { by: source, schedule: id }, nowMs);
        }
      this.#kept.set('deployed', digest);
    });
  }

  /** An operator’s own schedule; `not_yours`: it comes with the deploy and is changed there. */
  put(
    definition: ScheduleDefinition,
    by: string,
    nowMs: number,
  ): 'created' | 'changed' | 'unchanged' | 'not_yours' {
    const { id } = definition;
    if ((this.#table.row(id)?.source ?? 'operator') !== 'operator') return 'not_yours';
    return this.#transaction(() => {
      const change = this.#table.put(definition, 'operator', nowMs);
      if (change !== 'unchanged') this.#note(`schedule_${change}`, { by, schedule: id, definition }, nowMs);
      return change;
    });
  }

  /** Its firings stay. One of the crew’s may go when no file names it any more. */
  remove(id: string, by: string, nowMs: number): 'removed' | 'unknown' | 'not_yours' {
    const known = this.#table.row(id);
    if (!known) return 'unknown';
    if (known.source !== 'operator' && known.active === 1) return 'not_yours';
    return this.#transaction(() => {
      this.#table.remove(id);
      this.#note('schedule_removed', { by, schedule: id, definition: definitionOf(known) }, nowMs);
      return 'removed';
    });
  }

  /** While it is paused nothing is due, so that nothing is missed either. False: there is no such schedule. */
  setPaused(id: string, paused: boolean, by: string, nowMs: number): boolean {
    const row = this.#table.row(id);
    if (!row) return false;
    if ((row.paused === 1) === paused) return true;
    this.#transaction(() => {
      this.#table.setPaused(id, paused, nowMs);
      this.#note(paused ? 'schedule_paused' : 'schedule_resumed', { by, schedule: id }, nowMs);
    });
    return true;
  }

  setToken(id: string, token: ScheduleToken, by: string, nowMs: number): boolean {
    const row = this.#table.row(id);
    if (!row) return false;
    this.#transaction(() => {
      this.#table.setToken(id, token);
      const type = row.token_hash === null ? 'schedule_token_issued' : 'schedule_token_rotated';
      this.#note(type, { by, schedule: id }, nowMs);
    });
    return true;
  }

  tokenOf(id: string): ScheduleToken | null {
    const row = this.#table.row(id);
    return row?.salt && row.token_hash ? { salt: row.salt, hash: row.token_hash } : null;
  }

  /** Claims what is due now by each policy. Called twice, late, or by a second instance: each due time once. */
  claimDue(nowMs: number): void {
    for (const id of this.#table.due(nowMs))
      try {
        this.#transaction(() => this.#claimDueOf(id, nowMs));
      } catch (error) {
        // One that breaks keeps no other from its time.
        console.error('schedule', id, error);
        this.#transaction(() => this.#table.postpone(id, nowMs + RETRY_MS));
      }
    const giveUpAt = this.#firings.nextGiveUpAt();
    if (giveUpAt !== null && giveUpAt <= nowMs)
      this.#transaction(() => {
        for (const { id } of this.#firings.giveUp(nowMs)) this.#noteEnd(id, nowMs);
      });
  }

  /** A firing that somebody asked for, under a key that makes it one however often it is asked for. */
  fire(request: FireRequest, nowMs: number): FireAnswer {
    const { schedule: id, key, cause, text, by } = request;
    const row = this.#table.row(id);
    if (!row) return { status: 'unknown' };
    const firing = `${id}:${cause}:${key}`;
    const known = this.#firings.get(firing);
    if (known) {
      if (known.text_hash !== (text === null ? null : sha256Hex(text))) return { status: 'conflict', firing };
      return known.status === 'skipped'
        ? { status: 'skipped', firing, note: known.note }
        : { status: 'duplicate', firing };
    }
    if (row.active === 0) return { status: 'inactive' };
    if (row.paused === 1 && cause === 'fire') return { status: 'paused' };
    return this.#transaction(() => {
      const [claimed] = this.#firings.claim(
        definitionOf(row),
        [{ id: firing, cause, dueAt: null, text }],
        nowMs,
      );
      if (!claimed) throw new Error(`${firing} was not claimed`);
      const { status, note } = claimed;
      const textChars = text?.length ?? 0;
      this.#note('schedule_fired', { by, schedule: id, firing, cause, status, textChars }, nowMs);
      return { status, firing, note };
    });
  }

  /** What is to be done for a piece of a firing; null: it is done, or there is no such firing. */
  work({ firing: id, part }: HandOver): FiringWork | null {
    const firing = this.#firings.get(id);
    if (firing?.part !== part || !['going', 'failed'].includes(firing.status)) return null;
    const { schedule, agent_group: group, cause, text, due_at: dueAt } = firing;
    const memory = this.#kept.get(`task:${schedule}`);
    return {
      schedule,
      group,
      cause,
      dueAt,
      task: JSON.parse(firing.task) as FiringWork['task'],
      text,
      memory: memory === null ? null : (JSON.parse(memory) as unknown),
    };
  }

  /** How a piece of a firing ended, once; `memory` is what its task wants to know next time. */
  settle({ firing: id, part }: HandOver, outcome: FiringOutcome, memory: unknown, nowMs: number): void {
    this.#transaction(() => {
      if (!this.#firings.settle(id, part, outcome, nowMs)) return;
      const { schedule } = this.#firings.get(id) ?? {};
      if (memory !== null && schedule !== undefined)
        this.#kept.set(`task:${schedule}`, JSON.stringify(memory));
      if (outcome.kind !== 'more') this.#noteEnd(id, nowMs);
    });
  }

  /** The incident that took a firing over has ended. */
  ended(incident: string, outcome: FiringOutcome, nowMs: number): void {
    const firing = this.#firings.ofTarget(incident);
    if (firing !== null) this.settle({ firing: firing.id, part: firing.part }, outcome, null, nowMs);
  }

  redact(text: string): void {
    this.#transaction(() => this.#firings.redact(text));
  }

  handedOn(key: string): void {
    this.#transaction(() => this.outbox.done(key));
  }

  fail(key: string, failure: Failure): void {
    this.#transaction(() => {
      if (this.outbox.fail(key, failure).kind !== 'dead') return;
      const { firing, part } = this.#handOverOf(key);
      this.#firings.settle(firing, part, { kind: 'failed', note: failure.error }, failure.nowMs);
      this.#noteEnd(firing, failure.nowMs);
      this.#deadLetter(key, 'dead', failure.nowMs);
    });
  }

  retry(key: string, by: string, nowMs: number): boolean {
    return this.#transaction(() => {
      if (!this.outbox.revive(key, nowMs)) return false;
      const { firing } = this.#handOverOf(key);
      this.#firings.revive(firing, nowMs);
      this.#note('schedule_replayed', { by, firing }, nowMs);
      this.#deadLetter(key, 'replayed', nowMs);
      return true;
    });
  }

  nextTimerAt(): number | null {
    const wakeAt = this.#table.nextWakeAt();
    const giveUpAt = this.#firings.nextGiveUpAt();
    if (wakeAt === null || giveUpAt === null) return wakeAt ?? giveUpAt;
    return Math.min(wakeAt, giveUpAt);
  }

  list(nowMs: number): ScheduleView[] {
    return this.#table.rows().map((row) => viewOf(row, this.#firings.latest(row.id), nowMs));
  }

  view(id: string, nowMs: number): { schedule: ScheduleView; firings: Firing[] } | null {
    const row = this.#table.row(id);
    if (!row) return null;
    return {
      schedule: viewOf(row, this.#firings.latest(id), nowMs),
      firings: this.#firings.of(id, SHOWN_FIRINGS).map(firingOf),
    };
  }

  #claimDueOf(id: string, nowMs: number): void {
    const row = this.#table.row(id);
    if (!row || row.wake_at === null || row.wake_at > nowMs) return;
    const definition = definitionOf(row);
    const next = nextOf(definition);
    if (typeof next !== 'function') return this.#table.restart(id, nowMs);
    const { fire, skipped, decidedUntil, wakeAt } = decideDue(definition, next, row.decided_until, nowMs);
    if (skipped !== null) {
      this.#firings.noteMissed(definition, skipped, nowMs);
      this.#note('schedule_missed', { by: 'dogwatch', schedule: id, ...skipped }, nowMs);
    }
    const claims = fire.map((dueAt) => ({ id: `${id}:${dueAt}`, cause: 'due' as const, dueAt, text: null }));
    this.#firings.claim(definition, claims, nowMs).forEach(({ status }, index) => {
      const firing = claims[index]?.id;
      this.#note('schedule_fired', { by: 'dogwatch', schedule: id, firing, cause: 'due', status }, nowMs);
    });
    this.#table.decided(id, decidedUntil, wakeAt);
  }

  #handOverOf(key: string): HandOver {
    const item = this.outbox.get(key);
    if (item === null) throw new Error(`${key} is not in the outbox`);
    return JSON.parse(item.body) as HandOver;
  }

  /** Nothing to do is the usual end; only others are worth a line of the audit log. */
  #noteEnd(id: string, nowMs: number): void {
    const firing = this.#firings.get(id);
    if (!firing || firing.status === 'nothing') return;
    const { schedule, status, target: incident, note } = firing;
    this.#note('schedule_settled', { by: 'dogwatch', schedule, firing: id, status, incident, note }, nowMs);
  }

  #deadLetter(key: string, state: 'dead' | 'replayed', at: number): void {
    const item = this.outbox.get(key);
    if (item !== null) this.projections.add(this.#kept.deadLetterRow(item, state, at));
  }

  #note(type: string, data: Record<string, unknown>, at: number): void {
    this.projections.add(auditRowOf(this.journal.append({ at, type, v: 1, data }), CHAIN));
  }

  #transaction<T>(work: () => T): T {
    return this.journal.transaction(() => {
      const result = work();
      const timer = this.#kept.timerRow(this.nextTimerAt());
      if (timer !== null) this.projections.add(timer);
      this.#changed();
      return result;
    });
  }
}
