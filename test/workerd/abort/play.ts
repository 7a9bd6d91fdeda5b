import { type Await, asTest, countAwaits, type Loss, type Place, Watch, watchWith } from './awaits.ts';
import {
  abortAll,
  abortOne,
  brokenChains,
  evictOne,
  forgetPacing,
  journalOf,
  ringAll,
  waitingIn,
} from './objects.ts';
import { Senders } from './senders.ts';
import type { Told, World } from './world.ts';

/** One that takes so long, its pauses cut short, is stuck, however busy the machine is. */
const COURSE_MS = 120_000;
const LOOK_MS = 4;
/** After so long without a new wait all that goes on waits for an alarm, or is over. */
const QUIET_MS = 25;
/** Until backups are written, and longer. */
const GOES_ON_MS = 20_000;
/** Looks in vain before time goes by. */
const PATIENT_LOOKS = 10;
/** How much shorter short pauses are. */
const HURRY = 20;

/** One round of a course: a fresh incident, schedule or message. */
export interface Round {
  begin(senders: Senders): void | Promise<void>;
  /** What the outside does next; asked again and again. */
  act(senders: Senders): void;
  isOver(): Promise<boolean>;
  /** What came of it, as far as it is the same in each round. */
  outcome(): Promise<Record<string, unknown>>;
}

export interface Course {
  name: string;
  world: World;
  /** Time goes by at its end: backups are written then, and what was put off is done. */
  goesOn?: boolean;
  round(n: number): Round;
}

export interface Played {
  watch: Watch;
  outcome: Record<string, unknown>;
  told: Told[];
  hasLeftovers: boolean;
}

/** To be called once per file, before anything else is asked. */
export async function setUp(): Promise<void> {
  countAwaits();
  hurry();
  await asTest(forgetPacing);
}

let skippedMs = 0;
/** So much time goes by, in no time. */
export const skip = (ms: number): void => {
  skippedMs += ms;
};

/** Pauses that only gather or look again are short, and what failed is tried again at once. */
function hurry(): void {
  const now = Date.now;
  Date.now = () => now() + skippedMs;
  const plain = globalThis.setTimeout;
  const short = (work: (...told: unknown[]) => void, ms = 0, ...told: unknown[]) =>
    plain(work, ms <= 1_000 ? ms / HURRY : ms, ...told);
  Reflect.set(globalThis, 'setTimeout', short);
  // A request that is over leaves its timer behind, and an object with a timer is not evicted.
  AbortSignal.timeout = () => new AbortController().signal;
  Math.random = () => 0;
}

let rounds = 0;

/** Plays a course to its end; what is lost, if anything, is lost once. */
export const play = (course: Course, loss: Loss | null): Promise<Played> =>
  asTest(async () => {
    const round = course.round(++rounds);
    const senders = new Senders();
    const watch = new Watch(loss);
    course.world.forget();
    watchWith(watch);
    await round.begin(senders);
    const waiting = await untilOver(course, round, senders, watch);
    watchWith(null);
    const outcome = await outcomeOf(course, round, watch, waiting);
    return { watch, outcome, told: course.world.told, hasLeftovers: waiting.length > 0 };
  });

/** What still waits when it is over, or when its time is. */
async function untilOver(
  { goesOn = false }: Course,
  round: Round,
  senders: Senders,
  watch: Watch,
): Promise<unknown[]> {
  const endAt = performance.now() + COURSE_MS;
  let isTorn = false;
  let seen = -1;
  let quietSince = 0;
  let isOver = false;
  let looks = 0;
  let waiting: unknown[] = ['it never came to its end'];
  for (let now = 0; now < endAt; now = performance.now()) {
    round.act(senders);
    senders.go();
    if (watch.lost !== null && !isTorn) {
      isTorn = true;
      await tearDown(watch.lost, watch.loss?.victim);
      senders.giveUp();
      await ringAll(watch.touched.values());
    }
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS * HURRY));
    if (watch.awaits.length !== seen) {
      seen = watch.awaits.length;
      quietSince = performance.now();
    }
    if (performance.now() - quietSince < QUIET_MS) continue;
    isOver ||= senders.isIdle && (await round.isOver());
    if (isOver) {
      waiting = await waitingIn(watch.touched.values(), goesOn);
      if (waiting.length === 0) break;
    }
    looks += 1;
    if (goesOn && (isOver || looks > PATIENT_LOOKS)) skip(GOES_ON_MS);
    await ringAll(watch.touched.values());
    quietSince = performance.now();
  }
  return waiting;
}

async function tearDown({ by, asks }: Await, victim: Loss['victim'] | undefined): Promise<void> {
  if (victim === 'all') return abortAll();
  if (victim === 'evicted' && by !== null) return evictOne(by);
  const place = victim === 'waiting' ? by : asks;
  if (place !== null) await abortOne(place);
}

async function outcomeOf(
  { world }: Course,
  round: Round,
  { touched }: Watch,
  waiting: unknown[],
): Promise<Record<string, unknown>> {
  const own = [...touched.values()].filter(({ binding }) => binding === 'INCIDENT' || binding === 'RUN');
  return {
    ...(await round.outcome()),
    waiting,
    facts: await factsOf(own),
    brokenChains: await brokenChains(own),
    texts: [...new Set(world.told.map(({ text }) => text))],
    deeds: [...world.deeds],
  };
}

/** A light session that is lost begins anew, and its ledger tells each call of a tool. */
const MAY_REPEAT = ['tool'];

/** Whatever was recorded; what does not wait for each other comes in any order. */
async function factsOf(places: Place[]): Promise<string[]> {
  const journals = await Promise.all(
    places.map(async (place) => {
      const types = (await journalOf(place)).map(({ type }) => type);
      const told = types.filter((type, at) => !MAY_REPEAT.includes(type) || types.indexOf(type) === at);
      return told.map((type) => `${place.binding} ${type}`);
    }),
  );
  return journals.flat();
}
