/** A finished build as far as it matters here. */
export interface FinishedBuild {
  id: number;
  definition: number;
  ref: string;
  result: 'none' | 'succeeded' | 'partiallySucceeded' | 'failed' | 'canceled';
  /** Epoch milliseconds. */
  finishedAt: number;
}

/** How far the looks at one project have come. */
export interface LookState {
  /** Builds that finished before are known. */
  since: number;
  /** In the middle of a long stretch: where its next piece begins; null: the stretch is done. */
  from: number | null;
}

/** Lists lag, and clocks differ: each look goes back this far behind the last one. */
export const OVERLAP_MS = 30 * 60_000;
/** Builds handed in by one piece of a look: with the rest it stays under the free plan’s 50 subrequests. */
export const MAX_HANDED = 25;
/** Builds asked for at once. */
export const PAGE = 200;

/** From which finish time on to ask. The first look goes back as far as any other. */
export const lookFrom = (state: LookState | null, nowMs: number): number =>
  state === null ? nowMs - OVERLAP_MS : (state.from ?? state.since - OVERLAP_MS);

/**
 * What to hand in of a page of finished builds, oldest first, and how far that brings the looks. Failed builds
 * start or join an incident. While one is open in the project, green builds are handed in as well; while none
 * is, a failure that its branch has left behind is nothing to anybody. Pure.
 */
export function chooseBuilds<Build extends FinishedBuild>(
  page: readonly Build[],
  state: LookState | null,
  hasOpenIncident: boolean,
  nowMs: number,
): { hand: Build[]; state: LookState; more: boolean } {
  const wanted = page.filter((build, index) => {
    if (build.result === 'succeeded') return hasOpenIncident;
    if (build.result !== 'failed' && build.result !== 'partiallySucceeded') return false;
    return hasOpenIncident || !page.slice(index + 1).some((later) => isGreenOf(build, later));
  });
  const hand = wanted.slice(0, MAX_HANDED);
  const last = wanted.length > hand.length ? hand.at(-1) : page.length >= PAGE ? page.at(-1) : undefined;
  const since = state?.since ?? nowMs - OVERLAP_MS;
  if (last !== undefined && last.finishedAt > lookFrom(state, nowMs))
    return { hand, state: { since, from: last.finishedAt }, more: true };
  const newest = page.reduce((latest, { finishedAt }) => Math.max(latest, finishedAt), since);
  // What is to come finishes later than half an hour ago, by whatever clock.
  return { hand, state: { since: Math.max(newest, nowMs - OVERLAP_MS), from: null }, more: false };
}

const isGreenOf = (failed: FinishedBuild, later: FinishedBuild): boolean =>
  later.result === 'succeeded' && later.definition === failed.definition && later.ref === failed.ref;
