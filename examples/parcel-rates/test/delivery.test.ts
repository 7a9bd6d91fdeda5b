import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { loadConfig } from '../src/config.ts';
import { addBusinessDays, deliveryWindow, isoDate } from '../src/delivery.ts';
import { zoneOf } from '../src/zones.ts';

const config = loadConfig();

describe('business days', () => {
  it('counts on within a week', () => {
    assert.equal(isoDate(addBusinessDays(new Date('2026-03-02T09:00:00Z'), 3)), '2026-03-05');
  });

  it('steps over the weekend', () => {
    assert.equal(isoDate(addBusinessDays(new Date('2026-03-06T09:00:00Z'), 1)), '2026-03-09');
  });
});

describe('delivery window', () => {
  it('starts today for a parcel handed in before the cut-off', () => {
    const window = deliveryWindow(zoneOf(config, 'DE'), new Date('2026-03-02T16:59:00Z'));
    assert.deepEqual(window, { earliest: '2026-03-04', latest: '2026-03-06' });
  });

  it('starts tomorrow from the cut-off on', () => {
    const window = deliveryWindow(zoneOf(config, 'DE'), new Date('2026-03-02T17:00:00Z'));
    assert.deepEqual(window, { earliest: '2026-03-05', latest: '2026-03-09' });
  });

  it('starts on Monday for a parcel of the weekend', () => {
    const window = deliveryWindow(zoneOf(config, 'NL'), new Date('2026-03-07T10:00:00Z'));
    assert.deepEqual(window, { earliest: '2026-03-10', latest: '2026-03-10' });
  });
});
