import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runScript, type ScriptEnd } from './run-script.ts';

let dir: string;
let lines: string[];
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'dogwatch-script-'));
  lines = [];
});
afterEach(() => rm(dir, { recursive: true, force: true }));

async function run(
  script: string,
  timeoutMs = 10_000,
  signal = new AbortController().signal,
): Promise<ScriptEnd> {
  const scriptFile = join(dir, 'script.sh');
  await writeFile(scriptFile, script);
  const env = { PATH: process.env.PATH ?? '' };
  return runScript({ scriptFile, cwd: dir, env, timeoutMs, signal, onLine: (line) => lines.push(line) });
}

describe('a script', () => {
  it('gives its exit code and its two streams in the order written', async () => {
    const end = await run('for n in 1 2 3; do echo "out $n"; echo "err $n" >&2; done; printf rest; exit 3');
    expect(end).toEqual({ how: 'exited', exitCode: 3 });
    expect(lines).toEqual(['out 1', 'err 1', 'out 2', 'err 2', 'out 3', 'err 3', 'rest']);
  });

  it('keeps every line of a large output', async () => {
    await run('for n in $(seq 1 60000); do echo "line $n of many, ä"; done');
    expect(lines).toHaveLength(60_000);
    expect(lines.at(-1)).toBe('line 60000 of many, ä');
  });

  it('does not wait for what it leaves running, and ends it', async () => {
    const startedAt = Date.now();
    await run('(sleep 1; touch survived) & echo left');
    expect(Date.now() - startedAt).toBeLessThan(900);
    await new Promise((next) => setTimeout(next, 1300));
    expect(existsSync(join(dir, 'survived'))).toBe(false);
  });

  it('is stopped with its children at the time limit, and by the signal', async () => {
    expect(await run('(sleep 30) & sleep 30', 200)).toEqual({ how: 'timedOut' });
    const abort = new AbortController();
    setTimeout(() => abort.abort(), 200);
    expect(await run('sleep 30', 10_000, abort.signal)).toEqual({ how: 'canceled' });
  });
});
