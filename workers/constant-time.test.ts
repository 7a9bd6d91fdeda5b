import { expect, it } from 'vitest';
import { basicPassword, bearerToken, matchesSecret } from './constant-time.ts';

it('accepts any of the expected secrets and nothing else', async () => {
  expect(matchesSecret('new', ['new', 'old'])).toBe(true);
  expect(matchesSecret('old', ['new', 'old'])).toBe(true);
  for (const given of ['', 'ne', 'newer', 'NEW', 'new,old', null, undefined])
    expect(matchesSecret(given, ['new', 'old'])).toBe(false);
  expect(matchesSecret('', [''])).toBe(false);
  expect(matchesSecret('x', [])).toBe(false);
});

it('reads the password of Basic and the token of Bearer', () => {
  expect(basicPassword(`Basic ${btoa('user:pa:ss')}`)).toBe('pa:ss');
  expect(basicPassword(`basic ${btoa(':pass')}`)).toBe('pass');
  for (const header of [null, '', 'Basic', 'Basic !', `Basic ${btoa('no colon')}`, 'Bearer x'])
    expect(basicPassword(header)).toBeNull();
  expect(bearerToken('Bearer abc')).toBe('abc');
  expect(bearerToken('Basic abc')).toBeNull();
});
