import { canonicalJson } from '../../core/journal/canonical-json.ts';
import type { ScheduleDefinition } from '../../core/schedules/definition.ts';
import { decideDue, type NextDue, nextDues } from '../../core/schedules/due.ts';
import { CalendarError, calendarOf } from '../../workers/schedules/calendar.ts';
import type { Sql } from '../shared/sql.ts';
import {
  definitionOf,
  type FiringRow,
  firingOf,
  type ScheduleRow,
  type ScheduleView,
} from './scheduler-rows.ts';
import type { ScheduleToken } from './scheduler-rpc.ts';

const NEXT_RUNS = 5;

/** The schedules themselves. What changes them runs inside a transaction of the store. */
export class ScheduleTable {
  readonly #sql: Sql;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  rows(): ScheduleRow[] {
    return this.#sql.all<ScheduleRow>('SELECT * FROM schedules ORDER BY id');
  }

  row(id: string): ScheduleRow | null {
    return this.#sql.all<ScheduleRow>('SELECT * FROM schedules WHERE id = ?', id)[0] ?? null;
  }

  due(nowMs: number): string[] {
    return this.#sql
      .all<{ id: string }>('SELECT id FROM schedules WHERE wake_at <= ? ORDER BY wake_at, id', nowMs)
      .map(({ id }) => id);
  }

  nextWakeAt(): number | null {
    return this.#sql.all<{ at: number | null }>('SELECT min(wake_at) AS at FROM schedules')[0]?.at ?? null;
  }

  put(
    definition: ScheduleDefinition,
    source: ScheduleRow['source'],
    nowMs: number,
  ): 'created' | 'changed' | 'unchanged' {
    const { id } = definition;
    const known = this.row(id);
    const json = canonicalJson(definition);
    if (known?.definition === json && known.source === source && known.active === 1) return 'unchanged';
    this.#sql.run(
      `INSERT INTO schedules (id, source, definition, decided_until) VALUES (?, ?, ?, ?)
       ON CONFLICT (id) DO UPDATE SET source = excluded.source, definition = excluded.definition, active = 1`,
      id,
      source,
      json,
      nowMs,
    );
    const isSameTiming = known?.active === 1 && timingOf(definitionOf(known)) === timingOf(definition);
    if (!isSameTiming) this.restart(id, nowMs);
    return known ? 'changed' : 'created';
  }

  remove(id: string): void {
    this.#sql.run('DELETE FROM schedules WHERE id = ?', id);
  }

  deactivate(id: string): void {
    this.#sql.run('UPDATE schedules SET active = 0, wake_at = NULL WHERE id = ?', id);
  }

  setPaused(id: string, paused: boolean, nowMs: number): void {
    this.#sql.run('UPDATE schedules SET paused = ? WHERE id = ?', paused ? 1 : 0, id);
    this.restart(id, nowMs);
  }

  setToken(id: string, { salt, hash }: ScheduleToken): void {
    this.#sql.run('UPDATE schedules SET salt = ?, token_hash = ? WHERE id = ?', salt, hash, id);
  }

  decided(id: string, until: number, wakeAt: number | null): void {
    this.#sql.run('UPDATE schedules SET decided_until = ?, wake_at = ? WHERE id = ?', until, wakeAt, id);
  }

  postpone(id: string, wakeAt: number): void {
    this.#sql.run('UPDATE schedules SET wake_at = ? WHERE id = ?', wakeAt, id);
  }

  /** Counts due times from now on, by what the schedule is now. */
  restart(id: string, nowMs: number): void {
    const row = this.row(id);
    if (!row) return;
    const definition = definitionOf(row);
    const next = nextOf(definition);
    const isOn = row.active === 1 && row.paused === 0;
    const decidedUntil = Math.max(row.decided_until, nowMs);
    const wakeAt =
      isOn && typeof next === 'function' ? decideDue(definition, next, decidedUntil, nowMs).wakeAt : null;
    this.#sql.run(
      'UPDATE schedules SET decided_until = ?, wake_at = ?, problem = ? WHERE id = ?',
      decidedUntil,
      wakeAt,
      typeof next === 'function' ? null : next.problem,
      id,
    );
  }
}

/** A schedule as people see it; `last` is its newest firing that was not skipped. */
export function viewOf(row: ScheduleRow, last: FiringRow | null, nowMs: number): ScheduleView {
  const definition = definitionOf(row);
  const next = row.active === 1 && row.paused === 0 ? nextOf(definition) : null;
  return {
    ...definition,
    source: row.source,
    active: row.active === 1,
    paused: row.paused === 1,
    problem: row.problem,
    hasToken: row.token_hash !== null,
    lastFiredAt: last?.at ?? null,
    lastResult: last ? resultOf(last) : null,
    nextRuns: typeof next === 'function' ? nextDues(next, Math.max(nowMs, row.decided_until), NEXT_RUNS) : [],
  };
}

const timingOf = ({ cron, timeZone, policy, jitterMs }: ScheduleDefinition): string =>
  JSON.stringify([cron, timeZone, policy, jitterMs]);

/** A schedule whose cron or time zone means nothing (any more) is never due, and says why. */
export function nextOf(definition: ScheduleDefinition): NextDue | { problem: string } {
  try {
    return calendarOf(definition);
  } catch (error) {
    if (error instanceof CalendarError) return { problem: error.message };
    throw error;
  }
}

function resultOf(row: FiringRow): ScheduleView['lastResult'] {
  const { id, status, target, note, endedAt } = firingOf(row);
  return { id, status, target, note, endedAt };
}
