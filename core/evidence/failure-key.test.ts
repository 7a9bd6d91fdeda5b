import { describe, expect, it } from 'vitest';
import { failureKey, normalError, stepKey } from './failure-key.ts';

describe('the key of a step', () => {
  it('does not depend on case and spaces', () => {
    expect(stepKey(['Job', ' Unit  tests '])).toBe(stepKey(['job', 'unit tests']));
  });
});

describe('the key of a failure', () => {
  const path = ['Job', 'Test'];

  it('is that of its failing tests in any order, whatever the message', () => {
    const one = failureKey({ path, failingTests: ['a > b', 'c (12.3ms)'], firstError: 'x' });
    expect(failureKey({ path, failingTests: ['c (9ms)', 'a > b', 'a > b'], firstError: null })).toBe(one);
  });

  it('differs with the tests and with the step', () => {
    const base = failureKey({ path, failingTests: ['a'], firstError: null });
    expect(failureKey({ path, failingTests: ['b'], firstError: null })).not.toBe(base);
    expect(failureKey({ path: ['Job', 'Smoke'], failingTests: ['a'], firstError: null })).not.toBe(base);
  });

  it('is that of its first error where no test is known', () => {
    const key = (firstError: string) => failureKey({ path, failingTests: [], firstError });
    expect(key('/home/a/work/17/s/src/x.ts:12:5: error: no y after 1.2s at 0x7ffe12')).toBe(
      key('/agent/3/src/x.ts:99:1: error: no y after 340ms at 0x1'),
    );
    expect(key('connect ECONNREFUSED 127.0.0.1:5432')).toBe(key('connect ECONNREFUSED 127.0.0.1:40001'));
    expect(key('no space left')).not.toBe(key('permission denied'));
  });

  it('keeps words that only look like numbers', () => {
    expect(normalError('decade feedback at deadbeef12')).toBe('decade feedback at <hex>');
  });
});
