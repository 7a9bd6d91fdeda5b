import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { loadConfig } from '../src/config.ts';
import { surchargesFor, totalOf } from '../src/surcharges.ts';

const config = loadConfig();
const plain = {
  basePrice: 1295,
  parcel: { weightGrams: 1800, lengthCm: 30, widthCm: 20, heightCm: 15 },
  country: 'DE',
  postcode: '10115',
  signature: false,
};

describe('surcharges', () => {
  it('adds only fuel to a plain parcel', () => {
    assert.deepEqual(surchargesFor(config, plain), [{ name: 'fuel', amount: 84 }]);
  });

  it('adds the remote area of the destination', () => {
    const list = surchargesFor(config, { ...plain, country: 'ES', postcode: '38001' });
    assert.deepEqual(list.at(-1), { name: 'remote-area', amount: 850 });
  });

  it('takes a side of exactly the limit as normal size', () => {
    const list = surchargesFor(config, { ...plain, parcel: { ...plain.parcel, lengthCm: 120 } });
    assert.deepEqual(list.map((surcharge) => surcharge.name), ['fuel']);
  });

  it('adds oversize above the limit', () => {
    const list = surchargesFor(config, { ...plain, parcel: { ...plain.parcel, lengthCm: 121 } });
    assert.deepEqual(list.at(-1), { name: 'oversize', amount: 1250 });
  });

  it('sums what a difficult parcel costs', () => {
    const list = surchargesFor(config, {
      ...plain,
      country: 'GB',
      postcode: 'HS1 2BB',
      signature: true,
      parcel: { ...plain.parcel, lengthCm: 150 },
    });
    assert.equal(totalOf(list), 84 + 850 + 1250 + 175);
  });
});
