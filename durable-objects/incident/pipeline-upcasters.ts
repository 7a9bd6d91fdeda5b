import type { Upcaster } from '../shared/journal-upcast.ts';

/** Append only; every change of a recorded fact's shape adds one. */
export const PIPELINE_UPCASTERS: readonly Upcaster[] = [];

/**
 * Shape of the state that snapshots hold. Raised with every change of it: a snapshot of another version is left
 * aside and the journal folded from its beginning.
 */
export const PIPELINE_STATE_VERSION = 2;
