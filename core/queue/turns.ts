import type { Priority } from '../contracts/priority.ts';

/** A message that asks a group's agent to act; lists of them are in the order of arrival. */
export interface Turn {
  id: string;
  thread: string;
  state: 'waiting' | 'active';
  priority: Priority;
  /** When it could have begun had there been room: its arrival, or the end of the turn before it in its thread. */
  readyAt: number;
}

/** What waits in one thread, in order, and how urgent each is together with what stands behind it. */
interface Line {
  waiting: Turn[];
  ranks: Priority[];
}

/**
 * Which waiting turns begin now: at most `maxConcurrent` in the group, one at a time per thread and there strictly
 * in order. Between threads the more urgent goes first, then the one that has been ready for longest. A thread is
 * as urgent as the most urgent message in it, which could not pass those before it.
 */
export function decideTurns(turns: readonly Turn[], maxConcurrent: number): string[] {
  const active = turns.filter(({ state }) => state === 'active');
  return linesOf(turns, 'free')
    .slice(0, Math.max(0, maxConcurrent - active.length))
    .flatMap(({ waiting }) => waiting.slice(0, 1))
    .map(({ id }) => id);
}

/** The waiting turns in the order in which they begin, one by one, if nothing else arrives. */
export function lineUp(turns: readonly Turn[]): string[] {
  const byRank: { line: Line; next: number }[][] = [[], [], [], []];
  const join = (line: Line, next: number): void => {
    const rank = line.ranks[next];
    if (rank !== undefined) byRank[rank]?.push({ line, next });
  };
  for (const line of [...linesOf(turns, 'free'), ...linesOf(turns, 'busy')]) join(line, 0);
  const order: string[] = [];
  for (;;) {
    const first = byRank.find((lines) => lines.length > 0)?.shift();
    if (first === undefined) return order;
    const turn = first.line.waiting[first.next];
    if (turn) order.push(turn.id);
    join(first.line, first.next + 1);
  }
}

/** The threads in which something waits, in the order in which they are served. */
function linesOf(turns: readonly Turn[], which: 'free' | 'busy'): Line[] {
  const busy = new Set(turns.flatMap(({ state, thread }) => (state === 'active' ? [thread] : [])));
  const threads = new Map<string, Turn[]>();
  for (const turn of turns) {
    if (turn.state !== 'waiting' || busy.has(turn.thread) !== (which === 'busy')) continue;
    const known = threads.get(turn.thread);
    if (known) known.push(turn);
    else threads.set(turn.thread, [turn]);
  }
  const lines = [...threads.values()].map((waiting) => ({ waiting, ranks: ranksOf(waiting) }));
  const key = ({ waiting, ranks }: Line) => ({ rank: ranks[0] ?? 3, readyAt: waiting[0]?.readyAt ?? 0 });
  return lines.sort((a, b) => key(a).rank - key(b).rank || key(a).readyAt - key(b).readyAt);
}

function ranksOf(waiting: readonly Turn[]): Priority[] {
  const ranks: Priority[] = [];
  let rank: Priority = 3;
  for (const { priority } of waiting.toReversed()) {
    rank = priority < rank ? priority : rank;
    ranks.push(rank);
  }
  return ranks.reverse();
}

/**
 * Where what came of a dispatched task goes: to the session that dispatched it, to a turn of its own when that has
 * ended, or nowhere but into the record, when the work was canceled. Null: the turn is not known any more.
 */
export function decideAnswer(
  turn: { state: string; isCanceled: boolean } | null,
): 'steering' | 'turn' | 'noted' {
  if (turn?.isCanceled) return 'noted';
  return turn?.state === 'active' ? 'steering' : 'turn';
}

/** An active turn, as far as a message for it is concerned. */
export interface ActiveTurn {
  id: string;
  thread: string;
  grantedAt: number;
}

/**
 * The active turn that a person's message joins: the one that it answers, else the one of its own thread, else the
 * group's newest. Null: it gets a turn of its own, as it does behind an earlier message of its thread that still
 * waits for one.
 */
export function decideSteering(
  thread: string,
  active: readonly ActiveTurn[],
  isThreadWaiting: boolean,
  answered: string | null = null,
): string | null {
  if (answered !== null && active.some(({ id }) => id === answered)) return answered;
  if (isThreadWaiting) return null;
  const [best] = active.toSorted(
    (a, b) => Number(b.thread === thread) - Number(a.thread === thread) || b.grantedAt - a.grantedAt,
  );
  return best?.id ?? null;
}
