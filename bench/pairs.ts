/** Two ways of doing the same, measured in turns: what the machine does meanwhile falls on both. */
export interface Pair {
  oursMs: number;
  theirsMs: number;
}

export interface PairFigures {
  /** Of the two of each pair, the middle one: the figure that counts. */
  medianOfRatios: number;
  /** Of the fastest of each: what the machine does besides only ever adds. */
  ratioOfFastest: number;
  ratioOfMedians: number;
}

const rounded = (ratio: number): number => Math.round(ratio * 100) / 100;

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? Number.NaN)) / 2;
}

export function comparePairs(pairs: readonly Pair[]): PairFigures {
  const ours = pairs.map(({ oursMs }) => oursMs);
  const theirs = pairs.map(({ theirsMs }) => theirsMs);
  return {
    medianOfRatios: rounded(median(pairs.map(({ oursMs, theirsMs }) => oursMs / theirsMs))),
    ratioOfFastest: rounded(Math.min(...ours) / Math.min(...theirs)),
    ratioOfMedians: rounded(median(ours) / median(theirs)),
  };
}

/** Measures `count` pairs, each second one the other way round, and one before that warms the caches. */
export async function measurePairs(
  count: number,
  ours: (n: number) => Promise<number>,
  theirs: (n: number) => Promise<number>,
  onPair: (n: number, pair: Pair) => void,
): Promise<Pair[]> {
  const pairs: Pair[] = [];
  for (let n = 0; n <= count; n++) {
    const first = n % 2 === 0 ? await ours(n) : await theirs(n);
    const second = n % 2 === 0 ? await theirs(n) : await ours(n);
    const pair = n % 2 === 0 ? { oursMs: first, theirsMs: second } : { oursMs: second, theirsMs: first };
    if (n === 0) continue;
    pairs.push(pair);
    onPair(n, pair);
  }
  return pairs;
}
