import type { Upcaster } from './journal-upcast.ts';

/** Append only; every change of a recorded fact's shape adds one. */
export const PIPELINE_UPCASTERS: readonly Upcaster[] = [];
