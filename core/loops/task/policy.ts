const HOUR = 3_600_000;

/** None waits for ever. */
export const WAIT_MS = {
  /** For the group's turn. */
  turn: 24 * HOUR,
  /** For the run's end, its wait for a slot included. */
  run: 6 * HOUR,
} as const;

/** A run that ends without a report is tried once more. */
export const MAX_RUN_LOSSES = 1;

/** Ends of a run that a second try would only repeat. */
export const NO_RETRY: readonly string[] = [
  'no_runner',
  'budget_refused',
  'budget',
  'invalid_result',
  'stuck',
];
