import { env } from 'cloudflare:workers';
import { expect, test } from 'vitest';
import type { Env } from '../../env.ts';
import { speaksFor } from './identity.ts';

const told = (runners: string[], kids: string[]): Env => ({
  ...env,
  RUNNER_URLS: runners.map((name) => `${name}=https://${name}.test`).join(','),
  RUNNER_PUBLIC_KEYS: JSON.stringify({
    keys: kids.map((kid) => ({ kty: 'OKP', crv: 'Ed25519', kid, x: 'x' })),
  }),
});

test('with several runners each speaks by keys of its own name', () => {
  const two = told(['one', 'two'], ['one', 'two.2026', 'stray']);
  expect(speaksFor(two, 'one', 'one')).toBe(true);
  expect(speaksFor(two, 'two.2026', 'two')).toBe(true);
  expect(speaksFor(two, 'one', 'two')).toBe(false);
  expect(speaksFor(two, 'stray', 'one')).toBe(false);
});

test('the keys of the only runner may be called anything, as long as none has its name', () => {
  expect(speaksFor(told(['one'], ['key-1']), 'key-1', 'one')).toBe(true);
  expect(speaksFor(told(['one'], ['key-1']), 'key-1', 'two')).toBe(false);
  expect(speaksFor(told(['one'], ['one', 'key-1']), 'key-1', 'one')).toBe(false);
});
