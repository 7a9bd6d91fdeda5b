import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const run = promisify(execFile);
const SIMULATE = fileURLToPath(new URL('../../scripts/simulate.ts', import.meta.url));

/** In a process of its own: a world replaces time, chance and network of its thread. Rejects when it fails. */
async function simulate(...told: string[]): Promise<string> {
  const { stdout } = await run(process.execPath, [SIMULATE, ...told], { maxBuffer: 64 * 1024 * 1024 });
  return stdout;
}

test('nothing is lost or done twice in twenty worlds', { timeout: 600_000 }, async () => {
  expect(await simulate('--seeds', '20')).toContain('20 seeds');
});

test('a seed is one course of events, whenever it is run', { timeout: 120_000 }, async () => {
  const [once, again] = await Promise.all([
    simulate('--seed', '18', '--trace'),
    simulate('--seed', '18', '--trace'),
  ]);
  expect(once.split('\n').length).toBeGreaterThan(100);
  expect(again).toBe(once);
});
