/** For people: `$1.50`; a small sum that is not nothing is never shown as nothing. */
export function usd(microUsd: number): string {
  const isTiny = microUsd !== 0 && Math.abs(microUsd) < 5_000;
  return `$${(microUsd / 1_000_000).toFixed(isTiny ? 6 : 2)}`;
}
