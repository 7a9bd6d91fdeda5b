import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { loadConfig } from '../src/config.ts';
import { discountFor, findPromo, volumePercent } from '../src/discounts.ts';

const rules = loadConfig().discounts;
const today = '2026-03-02';

describe('volume discount', () => {
  it('gives nothing for a few parcels', () => {
    assert.equal(volumePercent(rules, 9), 0);
  });

  it('starts with the tenth parcel', () => {
    assert.equal(volumePercent(rules, 10), 5);
  });

  it('takes the best step that is reached', () => {
    assert.equal(volumePercent(rules, 80), 10);
  });
});

describe('promo codes', () => {
  it('finds a code in any case', () => {
    assert.equal(findPromo(rules, ' welcome10 ', today).percent, 10);
  });

  it('honours a code on its last day', () => {
    assert.equal(findPromo(rules, 'SPRING25', '2026-04-30').percent, 25);
  });

  it('refuses a code after its last day', () => {
    assert.throws(() => findPromo(rules, 'SPRING25', '2026-05-01'), { code: 'expired_promo' });
  });

  it('refuses a code that nobody issued', () => {
    assert.throws(() => findPromo(rules, 'FREE', today), { code: 'unknown_promo' });
  });
});

describe('discounts together', () => {
  it('adds volume and promo', () => {
    const discount = discountFor(rules, { quantity: 12, promoCode: 'WELCOME10', today });
    assert.deepEqual(discount, { percent: 15, reasons: ['volume 5%', 'WELCOME10 10%'] });
  });

  it('never goes beyond the maximum', () => {
    assert.equal(discountFor(rules, { quantity: 60, promoCode: 'SPRING25', today }).percent, 20);
  });
});
