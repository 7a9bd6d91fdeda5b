/** P0 is served first. */
export type Priority = 0 | 1 | 2 | 3;

export const DEFAULT_PRIORITY: Priority = 2;
