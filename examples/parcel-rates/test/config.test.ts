import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { checkConfig, loadConfig } from '../src/config.ts';

describe('configuration', () => {
  it('accepts the shipped rates', () => {
    assert.equal(loadConfig().baseCurrency, 'EUR');
  });

  it('refuses bands that are out of order', () => {
    const config = loadConfig();
    config.bands.reverse();
    assert.throws(() => checkConfig(config), /out of order/);
  });

  it('refuses a band without a price for a zone', () => {
    const config = loadConfig();
    delete config.bands[2]?.prices.europe;
    assert.throws(() => checkConfig(config), /5000 g has no price for zone europe/);
  });

  it('refuses a set of zones that leaves countries out', () => {
    const config = loadConfig();
    config.zones.pop();
    assert.throws(() => checkConfig(config), /rest of the world/);
  });
});
