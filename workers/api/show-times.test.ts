import { describe, expect, it } from 'vitest';
import { withShownTimes } from './show-times.ts';

const AT = Date.UTC(2026, 2, 29, 1, 30);
const ISO = '2026-03-29T01:30:00.000Z';

describe('times of the API', () => {
  it('are ISO-8601 UTC wherever they stand', () => {
    expect(
      withShownTimes({ at: AT, items: [{ updatedAt: AT, endedAt: null }], runners: [{ lastSeenAt: AT }] }),
    ).toEqual({ at: ISO, items: [{ updatedAt: ISO, endedAt: null }], runners: [{ lastSeenAt: ISO }] });
  });

  it('leave every other number alone', () => {
    const numbers = { seq: AT, format: AT, timeoutMs: AT, costMicroUsd: AT, that: AT, At: AT, microUsd: 1.5 };
    expect(withShownTimes(numbers)).toEqual(numbers);
    expect(withShownTimes({ at: 'noon', since: null })).toEqual({ at: 'noon', since: null });
  });

  it('never touch what was recorded, whose digest is known, or what strangers wrote', () => {
    const entry = { seq: 1, type: 'build_failed', data: { finishedAt: AT }, hash: 'h' };
    expect(withShownTimes({ journal: [{ ...entry, at: AT }], state: { endedAt: AT } })).toEqual({
      journal: [{ ...entry, at: ISO }],
      state: { endedAt: AT },
    });
  });
});
