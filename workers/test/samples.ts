import { describe, it } from 'vitest';

/** A test for each of what `import.meta.glob('samples/…')` found; where that is nothing, a skipped test says so. */
export function describeSamples(
  name: string,
  samples: Record<string, string>,
  check: (path: string, text: string) => void,
): void {
  const found = Object.entries(samples);
  describe(name, () => {
    if (found.length > 0) it.each(found)('%s', check);
    else it.skip('DOGWATCH_SAMPLES names no folder that holds any');
  });
}
