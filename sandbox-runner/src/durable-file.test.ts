import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { appendDurably, writeDurably } from './durable-file.ts';
import { tempFolder } from './testing/repositories.ts';

test.runIf(process.getuid?.() === 0)('what a full disk does not take whole, it does not take in part', () => {
  const folder = tempFolder();
  const small = join(folder.path, 'small');
  mkdirSync(small);
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', small]);
  try {
    const log = join(small, 'log');
    appendDurably(log, 'one');
    expect(() => appendDurably(log, 'x'.repeat(200_000))).toThrow('ENOSPC');
    expect(readFileSync(log, 'utf8')).toBe('one\n');
    const state = join(small, 'state');
    writeDurably(state, 'old');
    expect(() => writeDurably(state, 'y'.repeat(200_000))).toThrow('ENOSPC');
    expect(readFileSync(state, 'utf8')).toBe('old');
    expect(readdirSync(small).sort()).toEqual(['log', 'state']);
    const filler = join(small, 'filler');
    expect(() => writeFileSync(filler, 'z'.repeat(200_000))).toThrow('ENOSPC');
    rmSync(filler);
    appendDurably(log, 'two');
    expect(readFileSync(log, 'utf8')).toBe('one\ntwo\n');
  } finally {
    execFileSync('umount', [small]);
    folder.remove();
  }
});
