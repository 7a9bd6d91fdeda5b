import { expect, inject } from 'vitest';
import { type Await, asTest, type Loss } from './awaits.ts';
import { brokenChains } from './objects.ts';
import { type Course, type Played, play } from './play.ts';
import type { Told } from './world.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** Every await in every way, rather than each sort of await in two ways. */
    everyAbort: boolean;
  }
}

/** Ways to lose one await. */
const WAYS: Pick<Loss, 'side' | 'victim'>[] = [
  { side: 'after', victim: 'waiting' },
  { side: 'before', victim: 'waiting' },
  { side: 'after', victim: 'all' },
  { side: 'after', victim: 'asked' },
  { side: 'after', victim: 'evicted' },
];

/** Sorts of awaits that a course of this file has lost already. */
const known = new Set<string>();

/** By default each sort of await is lost in the plainest way, and in one of the others in turn. */
function choose(awaits: Await[]): Loss[] {
  if (inject('everyAbort')) return awaits.flatMap((one) => waysOf(one).map((way) => lossOf(one, way)));
  const fresh = awaits.filter(({ label }) => !known.has(label) && known.add(label));
  return fresh.flatMap((one, index) => {
    const [plain, ...others] = waysOf(one);
    return [plain, others[index % others.length]].flatMap((way) => (way ? [lossOf(one, way)] : []));
  });
}

const lossOf = ({ label, nth }: Await, { side, victim }: (typeof WAYS)[number]): Loss => ({
  label,
  nth,
  side,
  victim,
});

/** The Worker itself is no object that could be torn down, and not everything that is asked is one. */
const waysOf = ({ by, asks }: Await) =>
  WAYS.filter(({ victim }) => (victim !== 'asked' || asks !== null) && (victim !== 'evicted' || by !== null));

/** Plays a course undisturbed, and then with each loss: all must be as if nothing had happened. */
export async function loseEach(course: Course): Promise<void> {
  // Objects that live for ever begin somewhere: the first round is not like the others.
  const first = await play(course, null);
  const calm = await play(course, null);
  expect(calm.outcome).toMatchObject({ waiting: [], brokenChains: [] });
  // A backup is rewritten now and then: what belongs to no course in particular would not come again.
  const usual = new Set(first.watch.awaits.map(({ label }) => label));
  const losses = choose(calm.watch.awaits.filter(({ label }) => usual.has(label)));
  const startedAt = performance.now();
  const wrong: string[] = [];
  let missed = 0;
  for (const loss of losses) {
    const played = await play(course, loss);
    if (played.watch.lost === null) missed += 1;
    const at = `${loss.side} ${loss.label} #${loss.nth} (torn down: ${loss.victim})`;
    const different = differences(calm, played).map((what) => `${at}: ${what}`);
    if (different.length > 0) console.error(different.join('\n'));
    wrong.push(...different);
    // What is left over would disturb all that comes.
    if (played.hasLeftovers) break;
  }
  const seconds = ((performance.now() - startedAt) / 1_000).toFixed(1);
  console.log(
    `${course.name}: ${calm.watch.awaits.length} awaits, ${losses.length} lost in ${seconds} s, ${missed} of them did not come`,
    countBy(calm.watch.awaits),
  );
  expect(wrong).toEqual([]);
  expect(missed).toBeLessThanOrEqual(losses.length / 4);
  expect(await asTest(() => brokenChains(calm.watch.touched.values()))).toEqual([]);
}

const countBy = (awaits: Await[]): Record<string, number> =>
  Object.fromEntries(
    [...Map.groupBy(awaits, ({ by }) => by?.binding ?? 'WORKER')].map(([by, all]) => [by, all.length]),
  );

/** What one has and the other has not, as short as a failing test is to say it. */
function differences(calm: Played, lost: Played): string[] {
  const different = Object.keys(calm.outcome).flatMap((key) => {
    const [before, after] = [linesOf(calm.outcome[key]), linesOf(lost.outcome[key])];
    const missing = without(before, after);
    const added = without(after, before);
    if (missing.length + added.length === 0) return [];
    return [`${key}: missing ${JSON.stringify(missing)}, added ${JSON.stringify(added)}`];
  });
  return [...different, ...repeated(calm.told, lost.told)];
}

/** A message may come again once, and says so. */
function repeated(calm: Told[], lost: Told[]): string[] {
  const unmarked = (all: Told[]) => all.filter(({ isMarked }) => !isMarked).map(({ text }) => text);
  const twice = without(unmarked(lost), unmarked(calm)).map((text) => `came again unmarked: ${text}`);
  const more = lost.length - calm.length;
  return more > 1 ? [...twice, `${more} messages came again`] : twice;
}

const linesOf = (value: unknown): string[] =>
  (Array.isArray(value) ? value : [value]).map((one) =>
    typeof one === 'string' ? one : JSON.stringify(one),
  );

function without(lines: string[], others: string[]): string[] {
  const left = [...others];
  return lines.filter((line) => {
    const at = left.indexOf(line);
    if (at >= 0) left.splice(at, 1);
    return at < 0;
  });
}
