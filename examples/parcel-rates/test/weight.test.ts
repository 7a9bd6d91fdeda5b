import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { loadConfig } from '../src/config.ts';
import { bandFor, billableGrams, longestSideCm, volumetricGrams } from '../src/weight.ts';

const config = loadConfig();
const shoebox = { weightGrams: 900, lengthCm: 35, widthCm: 25, heightCm: 14 };

describe('billable weight', () => {
  it('weighs a parcel by its volume', () => {
    assert.equal(volumetricGrams(shoebox, 5000), 2450);
  });

  it('bills the volume of a light and bulky parcel', () => {
    assert.equal(billableGrams(shoebox, 5000), 2450);
  });

  it('bills the scale of a small and heavy parcel', () => {
    assert.equal(billableGrams({ ...shoebox, weightGrams: 7200 }, 5000), 7200);
  });

  it('takes the longest side whatever its name', () => {
    assert.equal(longestSideCm({ ...shoebox, heightCm: 121 }), 121);
  });
});

describe('weight bands', () => {
  it('includes the upper limit of a band', () => {
    assert.equal(bandFor(config, 2000).upToGrams, 2000);
  });

  it('goes one band up for one gram more', () => {
    assert.equal(bandFor(config, 2001).upToGrams, 5000);
  });

  it('refuses what no band can carry', () => {
    assert.throws(() => bandFor(config, 31_501), { code: 'too_heavy', status: 422 });
  });
});
