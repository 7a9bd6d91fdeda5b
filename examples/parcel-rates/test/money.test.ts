import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { loadConfig } from '../src/config.ts';
import { convert, formatMoney, percentOf } from '../src/money.ts';

const config = loadConfig();

describe('money', () => {
  it('rounds a percentage half up', () => {
    assert.equal(percentOf(1050, 5), 53);
    assert.equal(percentOf(1295, 6.5), 84);
  });

  it('converts to a currency with cents', () => {
    assert.deepEqual(convert(config, 1295, 'USD'), { amount: 1399, currency: 'USD' });
  });

  it('converts to a currency without minor unit', () => {
    assert.deepEqual(convert(config, 1295, 'JPY'), { amount: 2113, currency: 'JPY' });
  });

  it('refuses a currency that is not offered', () => {
    assert.throws(() => convert(config, 100, 'XAU'), { code: 'bad_currency' });
  });

  it('writes amounts as people of the currency do', () => {
    assert.equal(formatMoney(config, { amount: 123_456, currency: 'EUR' }), '€ 1.234,56');
    assert.equal(formatMoney(config, { amount: 123_450, currency: 'USD' }), '$1,234.50');
    assert.equal(formatMoney(config, { amount: 500, currency: 'GBP' }), '£5.00');
  });

  it('writes yen without decimals', () => {
    assert.match(formatMoney(config, { amount: 2113, currency: 'JPY' }), /2,113$/);
  });
});
