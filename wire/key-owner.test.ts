import { expect, test } from 'vitest';
import { ownerOfKey } from './key-owner.ts';

test.each([
  ['vps-1', 'vps-1'],
  ['vps-1.2026-11', 'vps-1'],
  ['vps-1.eu', 'vps-1.eu'],
  ['vps-1.eu.2', 'vps-1.eu'],
  ['vps-10', null],
  ['vps', null],
  ['other', null],
])('the key %s is one of %s', (keyId, owner) => {
  expect(ownerOfKey(keyId, ['vps-1', 'vps-1.eu'])).toBe(owner);
});
