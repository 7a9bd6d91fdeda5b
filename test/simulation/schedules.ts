import { calendarOf } from '../../workers/schedules/calendar.ts';
import { hasTable } from './checks.ts';
import type { Row } from './database.ts';
import type { ObjectState } from './objects.ts';
import type { World } from './world.ts';

const MINUTE = 60_000;
const OPERATOR = { authorization: 'Bearer operator-token' };

/** Worlds begin on a plain Monday, or in a night in which clocks in Berlin are changed. */
export const STARTS: [number, ...number[]] = [
  Date.UTC(2026, 10, 2, 6),
  Date.UTC(2026, 2, 29, 0),
  Date.UTC(2026, 9, 24, 23, 30),
];

const TIMINGS: [object, ...object[]] = [
  { cron: '*/7 * * * *', policy: 'all', overlap: 'queue' },
  { cron: '*/10 * * * *', policy: 'latest', overlap: 'queue', jitterMs: 3 * MINUTE },
  { cron: '*/20 * * * *', policy: 'skip', overlap: 'skip' },
  { cron: '30 2 * * *', timeZone: 'Europe/Berlin', policy: 'latest' },
  { cron: '0,15,30,45 2,7 * * *', timeZone: 'Europe/Berlin', policy: 'all', overlap: 'queue' },
];

/** Somebody makes schedules. */
export function makeSchedules(world: World): string[] {
  const random = world.random('schedules');
  const count = random.chance(0.5) ? random.between(1, 2) : 0;
  return Array.from({ length: count }, (_, n) => {
    const id = `own-${n}`;
    const body = { ...random.pick(TIMINGS), task: { kind: 'check_pipelines' } };
    world.clock.after(random.between(0, 5 * MINUTE), () =>
      insist(world, 'PUT', `/api/schedules/${id}`, body),
    );
    return id;
  });
}

/** Nothing is due any more: a world with a clock that goes on would never rest. */
export function pauseSchedules(world: World, own: readonly string[]): void {
  for (const id of ['reconcile', ...own]) insist(world, 'POST', `/api/schedules/${id}/pause`, null);
}

/** Until it is heard and done. */
function insist(world: World, method: string, path: string, body: object | null): void {
  void world.ask(method, path, body === null ? null : JSON.stringify(body), OPERATOR).then((status) => {
    if (status === null || status >= 500) world.clock.after(30_000, () => insist(world, method, path, body));
    else if (status > 299) world.violate(`${method} ${path} was answered ${status}`);
  });
}

/** Every due time is decided once, every claim came to one end, and each is one event. */
export function checkScheduler(world: World, scheduler: ObjectState, calmAt: number): void {
  const firings = scheduler.rows('SELECT * FROM firings ORDER BY n');
  for (const { id, status } of firings)
    if (status === 'going' || status === 'waiting') world.violate(`the firing ${id} is ${status} for ever`);
  for (const schedule of scheduler.rows('SELECT * FROM schedules'))
    checkDueTimes(
      world,
      schedule,
      firings.filter((firing) => firing.schedule === schedule.id && firing.cause === 'due'),
      calmAt - Math.abs(scheduler.skewMs),
      createdAt(scheduler, String(schedule.id)),
    );
  checkEvents(world, firings);
}

function createdAt(scheduler: ObjectState, id: string): number {
  const [line] = scheduler.rows(
    `SELECT at FROM journal WHERE type = 'schedule_created' AND json_extract(data, '$.schedule') = ?`,
    id,
  );
  return Number(line?.at ?? Number.POSITIVE_INFINITY);
}

function checkDueTimes(world: World, schedule: Row, firings: Row[], until: number, from: number): void {
  const next = calendarOf(JSON.parse(String(schedule.definition)) as { cron: string; timeZone: string });
  const missed = firings.filter(({ id }) => String(id).includes(':missed:'));
  const claimed = firings.filter((firing) => !missed.includes(firing));
  const times = claimed.map(({ due_at: dueAt }) => Number(dueAt));
  for (const { id, due_at: dueAt, at } of claimed) {
    if (next(Number(dueAt) - 1) !== dueAt) world.violate(`${id} was never due`);
    if (Number(at) < Number(dueAt)) world.violate(`${id} fired before its time`);
    if (times.filter((time) => time === dueAt).length > 1) world.violate(`${id} was claimed twice`);
  }
  const ranges = missed.map(({ id }) => (/:missed:(\d+)-(\d+)$/.exec(String(id)) ?? []).slice(1).map(Number));
  for (let due = next(from); due !== null && due <= until - 15 * MINUTE; due = next(due)) {
    const isDropped = ranges.some(([first = 0, last = 0]) => due >= first && due <= last);
    if (isDropped === times.includes(due))
      world.violate(
        `${schedule.id} at ${new Date(due).toISOString()} was ${isDropped ? 'missed and' : 'neither missed nor'} claimed`,
      );
  }
}

function checkEvents(world: World, firings: readonly Row[]): void {
  const events = world.objects
    .of('INBOX')
    .filter((inbox) => hasTable(inbox, 'events'))
    .flatMap((inbox) => inbox.rows(`SELECT delivery FROM events WHERE source = 'schedule'`))
    .map(({ delivery }) => String(delivery));
  for (const { id, status } of firings) {
    const count = events.filter((delivery) => delivery === id).length;
    const isDone = status === 'done' || status === 'nothing';
    if (count > 1 || (isDone && count === 0) || (status === 'skipped' && count > 0))
      world.violate(`the firing ${id} is ${status} and came to the Inbox ${count} times`);
  }
}

/** Whoever found it failed to hand it on six times: it waits as a dead letter. */
const isDeadLetter = (world: World, build: number): boolean =>
  world.objects
    .of('INBOX')
    .some(
      (inbox) =>
        hasTable(inbox, 'events') &&
        inbox.rows(
          `SELECT 1 FROM events WHERE status = 'dead' AND json_extract(payload, '$.build') = ?`,
          build,
        ).length > 0,
    );

/** A failed build that stands is known to an incident, whatever became of its hook. */
export function checkFoundBuilds(world: World, fromMs: number, untilMs: number): void {
  const newest = new Map<string, (typeof world.azure.builds)[number]>();
  for (const build of world.azure.builds)
    if (build.status === 'completed' && build.source === null)
      newest.set(`${build.repository} ${build.ref}`, build);
  for (const { id, result, ref, finishedAt, repository } of newest.values()) {
    const isLooked = finishedAt !== null && finishedAt > fromMs && finishedAt < untilMs;
    if (result !== 'failed' || !isLooked || ref.includes('/fix/')) continue;
    const key = `azure-devops/demo/shop/${repository}/${ref}`;
    const isKnown = world.d1.rows('SELECT 1 FROM incidents WHERE key = ?', key).length > 0;
    if (!isKnown && !isDeadLetter(world, id))
      world.violate(`the failed build ${id} of ${ref} is known to nobody`);
  }
}
