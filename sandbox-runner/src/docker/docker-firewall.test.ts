import { expect, it } from 'vitest';
import { listedPermits, permit } from './docker-firewall.ts';

it('finds its own permits in a listing, and nothing else', () => {
  const rule = permit('dwr0a1b2c3d4e', '10.213.0.1', 40123);
  const listing = [
    '-N DOGWATCH',
    `-A ${rule.join(' ')}`,
    '-A DOGWATCH -i dwr+ -j DROP',
    '-A DOGWATCH -i eth0 -j ACCEPT',
    '',
  ].join('\n');
  expect(listedPermits(listing)).toEqual([{ bridge: 'dwr0a1b2c3d4e', rule }]);
});
