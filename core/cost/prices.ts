import type { Usage } from '../contracts/usage.ts';

/** USD per million tokens; the same figure is micro-dollars per token. */
interface Price {
  input: number;
  output: number;
  cacheWrite5m: number;
  cacheWrite1h: number;
  cacheRead: number;
}

interface PriceRow extends Price {
  model: string;
  /** Applies to calls at or after this time (epoch milliseconds). */
  from: number;
  /** Applies to prompts of at most this many tokens, cached ones included; null: any length. */
  upToPromptTokens: number | null;
}

/** Raise with every change of the table: cost rows name the version they were priced by. */
export const PRICE_VERSION = '2026-11-20';

/** Source: the provider's public price list, November 2026. Haiku has a band by prompt length. */
const PRICES: readonly PriceRow[] = [
  row('claude-opus-5-5', 0, null, [4, 20, 5, 8, 0.2]),
  row('claude-sonnet-5-5', 0, null, [2, 10, 2.5, 4, 0.2]),
  row('claude-haiku-5-5', 0, 100_000, [0.1, 0.5, 0.125, 0.2, 0.01]),
  row('claude-haiku-5-5', 0, null, [0.5, 2.5, 0.625, 1, 0.05]),
  row('claude-fable-5-1', 0, null, [10, 50, 12.5, 20, 0.25]),
];

function row(
  model: string,
  from: number,
  upToPromptTokens: number | null,
  [input, output, cacheWrite5m, cacheWrite1h, cacheRead]: [number, number, number, number, number],
): PriceRow {
  return { model, from, upToPromptTokens, input, output, cacheWrite5m, cacheWrite1h, cacheRead };
}

const DEAREST: Price = PRICES.reduce((a, b) => (b.output > a.output ? b : a));

/** `claude-opus-5-5-20261001` is priced as `claude-opus-5-5`. */
function isSameModel(model: string, listed: string): boolean {
  return (
    model === listed || (model.startsWith(`${listed}-`) && /^\d{8}$/.test(model.slice(listed.length + 1)))
  );
}

/**
 * The price of one model call in whole micro-dollars, rounded up. An unknown model is priced as the dearest
 * known one and `known` is false: a gap in the table must never look free.
 */
export function costOf(usage: Usage): { microUsd: number; known: boolean; priceVersion: string } {
  const promptTokens =
    usage.inputTokens + usage.cacheReadTokens + usage.cacheWrite5mTokens + usage.cacheWrite1hTokens;
  const fitting = PRICES.filter(
    (price) =>
      isSameModel(usage.model, price.model) &&
      price.from <= usage.at &&
      (price.upToPromptTokens === null || promptTokens <= price.upToPromptTokens),
  );
  const latest = Math.max(...fitting.map((price) => price.from));
  const found = fitting.find((price) => price.from === latest);
  const price: Price = found ?? DEAREST;
  const microUsd =
    usage.inputTokens * price.input +
    usage.outputTokens * price.output +
    usage.cacheReadTokens * price.cacheRead +
    usage.cacheWrite5mTokens * price.cacheWrite5m +
    usage.cacheWrite1hTokens * price.cacheWrite1h;
  return { microUsd: Math.ceil(microUsd - 1e-6), known: found !== undefined, priceVersion: PRICE_VERSION };
}

export const costMicroUsd = (usage: Usage): number => costOf(usage).microUsd;
