import type { Segment } from './segments.ts';

export type PromptUsage = { input: number; read: number; write5m: number; write1h: number };

export type PromptCache = {
  /** Counts one prompt and remembers its prefixes. `scope` keeps accounts apart, `nowMs` is the clock. */
  use(scope: string, segments: readonly Segment[], minTokens: number, nowMs: number): PromptUsage;
};

const ttlMs = { '5m': 5 * 60_000, '1h': 60 * 60_000 };
/** How many blocks before a breakpoint the API looks for an older entry. */
const lookbackBlocks = 20;

/** Prefixes are stored at breakpoints; the longest live one is read, the rest up to the last breakpoint written. */
export function createPromptCache(): PromptCache {
  const entries = new Map<string, { expiresAt: number; ttl: '5m' | '1h' }>();
  const live = (key: string, nowMs: number): boolean => (entries.get(key)?.expiresAt ?? 0) > nowMs;

  return {
    use(scope, segments, minTokens, nowMs) {
      for (const [key, entry] of entries) if (entry.expiresAt <= nowMs) entries.delete(key);
      const sums = runningSums(segments);
      const total = sums.at(-1) ?? 0;
      const breakpoints = segments.flatMap((segment, index) =>
        segment.breakpoint && (sums[index] ?? 0) >= minTokens ? [index] : [],
      );
      const last = breakpoints.at(-1);
      if (last === undefined) return { input: total, read: 0, write5m: 0, write1h: 0 };

      const keyAt = (index: number): string => `${scope}:${segments[index]?.prefixHash}`;
      const hit = longestHit(breakpoints, (index) => live(keyAt(index), nowMs));
      const read = hit === undefined ? 0 : (sums[hit] ?? 0);
      const usage = { input: total - (sums[last] ?? 0), read, write5m: 0, write1h: 0 };
      let counted = read;
      for (const index of breakpoints) {
        const ttl = segments[index]?.breakpoint ?? '5m';
        const sum = sums[index] ?? 0;
        if (sum > counted) {
          if (ttl === '1h') usage.write1h += sum - counted;
          else usage.write5m += sum - counted;
          counted = sum;
        }
        const kept = entries.get(keyAt(index))?.ttl === '1h' ? '1h' : ttl;
        entries.set(keyAt(index), { expiresAt: nowMs + ttlMs[kept], ttl: kept });
      }
      if (hit !== undefined) {
        const entry = entries.get(keyAt(hit));
        if (entry) entry.expiresAt = nowMs + ttlMs[entry.ttl];
      }
      return usage;
    },
  };
}

function longestHit(breakpoints: number[], isLive: (index: number) => boolean): number | undefined {
  for (const breakpoint of [...breakpoints].reverse()) {
    for (let index = breakpoint; index >= Math.max(0, breakpoint - lookbackBlocks); index -= 1) {
      if (isLive(index)) return index;
    }
  }
  return undefined;
}

function runningSums(segments: readonly Segment[]): number[] {
  let sum = 0;
  return segments.map((segment) => {
    sum += segment.tokens;
    return sum;
  });
}
