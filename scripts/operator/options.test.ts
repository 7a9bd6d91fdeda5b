import { expect, test } from 'vitest';
import { readOptions } from './options.ts';

const known = { values: ['kind'], flags: ['all'] };

test('options are told from what they stand among', () => {
  expect(readOptions(['a', '--kind', 'k', '--all', 'b'], known)).toEqual({
    rest: ['a', 'b'],
    values: { kind: 'k' },
    flags: new Set(['all']),
  });
});

test('an unknown option, or one without its value, is named', () => {
  expect(() => readOptions(['--sort'], known)).toThrow('there is no option --sort');
  expect(() => readOptions(['--kind'], known)).toThrow('--kind needs a value');
  expect(() => readOptions(['--kind', '--all'], known)).toThrow('--kind needs a value');
});
