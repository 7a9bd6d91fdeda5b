import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { loadConfig } from '../src/config.ts';
import { quote } from '../src/quote.ts';
import { parseQuoteRequest } from '../src/request.ts';

const config = loadConfig();
const now = new Date('2026-03-02T09:00:00Z');
const order = {
  destination: { country: 'DE', postcode: '10115' },
  parcel: { weightGrams: 1800, lengthCm: 30, widthCm: 20, heightCm: 15 },
};

describe('quote', () => {
  it('prices one plain parcel', () => {
    const answer = quote(config, parseQuoteRequest(order), now);
    assert.equal(answer.zone, 'eu');
    assert.equal(answer.billableGrams, 1800);
    assert.deepEqual(answer.total, { amount: 1379, currency: 'EUR', formatted: '€ 13,79' });
    assert.deepEqual(answer.delivery, { earliest: '2026-03-04', latest: '2026-03-06' });
  });

  it('discounts the base price and passes surcharges on in full', () => {
    const answer = quote(config, parseQuoteRequest({ ...order, quantity: 10, signature: true }), now);
    assert.equal(answer.discount.percent, 5);
    assert.equal(answer.total.amount, 12_950 - 648 + 10 * (84 + 175));
  });

  it('quotes in the currency of the caller', () => {
    const answer = quote(config, parseQuoteRequest({ ...order, currency: 'usd' }), now);
    assert.deepEqual(answer.total, { amount: 1489, currency: 'USD', formatted: '$14.89' });
  });

  it('refuses a parcel that nobody carries', () => {
    const parcel = { ...order.parcel, weightGrams: 40_000 };
    assert.throws(() => quote(config, parseQuoteRequest({ ...order, parcel }), now), { code: 'too_heavy' });
  });
});
