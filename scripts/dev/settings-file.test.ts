import { parseEnv } from 'node:util';
import { expect, it } from 'vitest';
import { formatSetting, mergeSettings } from './settings-file.ts';

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
