import type { RateConfig, Zone } from './config.ts';
import { RequestError } from './errors.ts';

const COUNTRY = /^[A-Z]{2}$/;

/** The zone that lists the country, or the one that takes the rest of the world. */
export function zoneOf(config: RateConfig, country: string): Zone {
  const code = country.trim().toUpperCase();
  if (!COUNTRY.test(code)) throw new RequestError('bad_country', `"${country}" is not a two-letter country code`);

  const listed = config.zones.find((zone) => zone.countries.includes(code));
  const rest = config.zones.find((zone) => zone.countries.includes('*'));
  const zone = listed ?? rest;
  if (!zone) throw new RequestError('no_service', `no service to ${code}`, 422);
  return zone;
}

/** True when the postcode lies in an area that the carrier serves at extra cost. */
export function isRemote(config: RateConfig, country: string, postcode: string): boolean {
  const prefixes = config.surcharges.remotePostcodes[country.trim().toUpperCase()] ?? [];
  const compact = postcode.replaceAll(' ', '').toUpperCase();
  return prefixes.some((prefix) => compact.startsWith(prefix));
}
