import { expect, test } from 'vitest';
import { lifted, type Upcaster, versionOf } from './journal-upcast.ts';

const upcasters: Upcaster[] = [
  { type: 'a', from: 1, lift: (data) => ({ ...(data as object), b: 1 }) },
  { type: 'a', from: 2, lift: (data) => ({ ...(data as object), c: 2 }) },
];

test('an old entry is lifted through every version', () => {
  expect(versionOf('a', upcasters)).toBe(3);
  expect(lifted({ type: 'a', v: 1, data: { a: 0 } }, upcasters)).toEqual({ a: 0, b: 1, c: 2 });
  expect(lifted({ type: 'a', v: 2, data: { a: 0 } }, upcasters)).toEqual({ a: 0, c: 2 });
  expect(lifted({ type: 'other', v: 1, data: 5 }, upcasters)).toBe(5);
});

test('an entry of a newer program is not guessed at', () => {
  expect(() => lifted({ type: 'a', v: 4, data: {} }, upcasters)).toThrow(/newer/);
});
