import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseQuoteRequest } from '../src/request.ts';

const body = {
  destination: { country: 'de', postcode: ' 10115 ' },
  parcel: { weightGrams: 1800, lengthCm: 30, widthCm: 20, heightCm: 15 },
};

describe('quote request', () => {
  it('fills in one parcel, no signature, euros', () => {
    assert.deepEqual(parseQuoteRequest(body), {
      country: 'DE',
      postcode: '10115',
      parcel: body.parcel,
      quantity: 1,
      signature: false,
      currency: 'EUR',
    });
  });

  it('keeps a promo code', () => {
    assert.equal(parseQuoteRequest({ ...body, promoCode: 'WELCOME10' }).promoCode, 'WELCOME10');
  });

  it('names the field that is wrong', () => {
    const parcel = { ...body.parcel, heightCm: 0 };
    assert.throws(() => parseQuoteRequest({ ...body, parcel }), /parcel\.heightCm must be a number above zero/);
  });

  it('refuses half a parcel', () => {
    assert.throws(() => parseQuoteRequest({ ...body, quantity: 1.5 }), { code: 'bad_quantity' });
  });

  it('refuses a body that is no object', () => {
    assert.throws(() => parseQuoteRequest([body]), { code: 'bad_request' });
  });
});
