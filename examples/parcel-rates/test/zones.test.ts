import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { loadConfig } from '../src/config.ts';
import { isRemote, zoneOf } from '../src/zones.ts';

const config = loadConfig();

describe('zones', () => {
  it('finds the zone of a listed country', () => {
    assert.equal(zoneOf(config, 'NL').id, 'domestic');
    assert.equal(zoneOf(config, 'LU').id, 'benelux');
    assert.equal(zoneOf(config, 'CH').id, 'europe');
  });

  it('accepts lower case and spaces around a country', () => {
    assert.equal(zoneOf(config, ' de ').id, 'eu');
  });

  it('sends unlisted countries to the rest of the world', () => {
    assert.equal(zoneOf(config, 'NZ').id, 'world');
  });

  it('refuses what is no country code', () => {
    assert.throws(() => zoneOf(config, 'Germany'), { code: 'bad_country' });
  });
});

describe('remote areas', () => {
  it('knows the Canary Islands and the Shetlands', () => {
    assert.equal(isRemote(config, 'ES', '35001'), true);
    assert.equal(isRemote(config, 'GB', 'ZE1 0AA'), true);
  });

  it('leaves the mainland alone', () => {
    assert.equal(isRemote(config, 'ES', '28013'), false);
    assert.equal(isRemote(config, 'NL', '3511 AB'), false);
  });

  it('ignores spaces and case in a postcode', () => {
    assert.equal(isRemote(config, 'gb', ' z e1 0aa'), true);
  });
});
