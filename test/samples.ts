import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'vitest';
import { SAMPLES } from './samples-folder.ts';

/** Tests over one folder of the published samples; where it is missing, a skipped test says so. */
export function describeSamples(name: string, folder: string, tests: (folder: string) => void): void {
  const path = join(SAMPLES, folder);
  describe(name, () => {
    if (existsSync(path)) tests(path);
    else it.skip(`DOGWATCH_SAMPLES names no folder that holds ${folder}`);
  });
}
