/** The value that this share of all is not above. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const index = Math.min(sorted.length - 1, Math.floor(sorted.length * share));
  return rounded(sorted[index] ?? Number.NaN);
}

export const median = (values: readonly number[]): number => percentile(values, 0.5);

export const rounded = (value: number): number => Math.round(value * 100) / 100;

/** What a stretch of work cost. */
export interface Counted {
  /** Invocations: the Worker's own and each call of an object. */
  requests: number;
  rowsRead: number;
  rowsWritten: number;
}
