import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import { expect, it } from 'vitest';
import { formatSetting, mergeSettings, removeStaleSettings } from './settings-file.ts';

it('prefers the environment to .dev.vars and takes nothing unknown from it', () => {
  const merged = mergeSettings(
    { OPERATOR_TOKEN: 'from-env', HOME: '/root' },
    { OPERATOR_TOKEN: 'from-file', PUBLIC_URL: 'http://x', MY_OWN: 'kept' },
  );
  expect(merged).toEqual({ OPERATOR_TOKEN: 'from-env', PUBLIC_URL: 'http://x', MY_OWN: 'kept' });
});

it('writes values that read back unchanged', () => {
  for (const value of ['plain', '{"kty":"OKP","x":"a_b-c"}', "it's", 'a=b # c', 'new,old'])
    expect(parseEnv(formatSetting('NAME', value))).toEqual({ NAME: value });
});

it('removes what a killed process left, and leaves the files of living ones', () => {
  const folder = mkdtempSync(join(tmpdir(), 'dogwatch-settings-'));
  const dead = spawnSync(process.execPath, ['-e', '']).pid;
  writeFileSync(join(folder, `settings-${dead}-1.env`), 'SECRET=1');
  writeFileSync(join(folder, `settings-${process.pid}-1.env`), 'SECRET=1');
  removeStaleSettings(folder);
  expect(readdirSync(folder)).toEqual([`settings-${process.pid}-1.env`]);
  rmSync(folder, { recursive: true });
});
