import type { Priority } from '../contracts/priority.ts';
import { findPlace, type PoolView, type RunKind } from './slots.ts';

/** What has waited this long counts as one priority higher: P3 is served after 90 minutes, whatever else comes. */
export const AGEING_MS = 30 * 60_000;

export interface WaitingRun {
  /** Order of arrival. */
  n: number;
  run: string;
  group: string;
  kind: RunKind;
  priority: Priority;
  forPerson: boolean;
  /** Since when it waits. */
  at: number;
}

/** 0 comes first. Who waits in a chat stands one priority higher. */
export function levelOf(run: Pick<WaitingRun, 'priority' | 'forPerson' | 'at'>, nowMs: number): number {
  const aged = Math.floor(Math.max(0, nowMs - run.at) / AGEING_MS);
  return Math.max(0, run.priority - (run.forPerson ? 1 : 0) - aged);
}

type Ranked = Pick<WaitingRun, 'n' | 'group'> & { level: number; running: number; lastServed: number };

/** By priority; among equals the group that has least, then the one that was served longest ago; then by arrival. */
const inOrder = (a: Ranked, b: Ranked): number =>
  a.level - b.level || a.running - b.running || a.lastServed - b.lastServed || a.n - b.n;

const runningOf = (view: PoolView, group: string): number =>
  view.held.filter((held) => held.group === group).length;

/**
 * The next run to be given a slot, and where; null: nothing that waits can go now. `heads` are the oldest of
 * each group, kind, priority and sort of asker: only they can be next.
 */
export function chooseNext<Run extends WaitingRun>(
  heads: readonly Run[],
  view: PoolView,
  isAffordable: (run: Run) => boolean,
): { run: Run; runner: string | null } | null {
  const ranked = heads
    .map((run) => ({
      run,
      n: run.n,
      group: run.group,
      level: levelOf(run, view.nowMs),
      running: runningOf(view, run.group),
      lastServed: view.lastServed(run.group),
    }))
    .sort(inOrder);
  for (const { run } of ranked) {
    const place = findPlace(run, view);
    if (place.ok && isAffordable(run)) return { run, runner: place.runner };
  }
  return null;
}

/** All that waits in the order in which it would be served if a slot came free now and again: the positions shown. */
export function orderOfWaiting<Run extends WaitingRun>(waiting: readonly Run[], view: PoolView): Run[] {
  const queues = Map.groupBy(
    [...waiting].sort((a, b) => a.n - b.n),
    (run) => [run.group, run.kind, run.priority, run.forPerson].join(' '),
  );
  const heads = new Map([...queues].map(([name]) => [name, 0]));
  const running = new Map<string, number>();
  const order: Run[] = [];
  while (order.length < waiting.length) {
    const ranked = [...heads].flatMap(([name, index]) => {
      const run = queues.get(name)?.[index];
      if (run === undefined) return [];
      const { n, group } = run;
      const runs = running.get(group) ?? runningOf(view, group);
      return {
        run,
        name,
        n,
        group,
        level: levelOf(run, view.nowMs),
        running: runs,
        lastServed: view.lastServed(group),
      };
    });
    const first = ranked.reduce((best, one) => (inOrder(one, best) < 0 ? one : best));
    order.push(first.run);
    running.set(first.group, first.running + 1);
    heads.set(first.name, (heads.get(first.name) ?? 0) + 1);
  }
  return order;
}
