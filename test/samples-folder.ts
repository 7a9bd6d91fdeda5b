import { fileURLToPath } from 'node:url';

/** Published hooks, answers and CI logs, which are no part of this repository. Tests of the Worker import it as `samples`. */
export const SAMPLES =
  process.env.DOGWATCH_SAMPLES ?? fileURLToPath(new URL('../../shared/data', import.meta.url));
