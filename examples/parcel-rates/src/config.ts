import { readFileSync } from 'node:fs';
import { ConfigError } from './errors.ts';

export type ZoneId = string;

export type Zone = {
  id: ZoneId;
  countries: string[];
  businessDays: { from: number; to: number };
};

export type WeightBand = { upToGrams: number; prices: Record<ZoneId, number> };

export type SurchargeRules = {
  fuelPercent: number;
  remoteArea: number;
  oversize: number;
  oversizeLongestSideCm: number;
  signature: number;
  remotePostcodes: Record<string, string[]>;
};

export type PromoCode = { code: string; percent: number; validUntil: string };

export type DiscountRules = {
  volume: { fromParcels: number; percent: number }[];
  promoCodes: PromoCode[];
  maximumPercent: number;
};

export type CurrencyRules = { rate: number; minorDigits: number; locale: string };

export type RateConfig = {
  baseCurrency: string;
  volumetricDivisor: number;
  zones: Zone[];
  bands: WeightBand[];
  surcharges: SurchargeRules;
  discounts: DiscountRules;
  currencies: Record<string, CurrencyRules>;
};

/** Reads and checks the rates. Throws ConfigError with the first thing that is wrong. */
export function loadConfig(url: URL = new URL('../config/rates.json', import.meta.url)): RateConfig {
  const config = JSON.parse(readFileSync(url, 'utf8')) as RateConfig;
  checkConfig(config);
  return config;
}

export function checkConfig(config: RateConfig): void {
  if (!config.zones.some((zone) => zone.countries.includes('*'))) {
    throw new ConfigError('no zone takes the rest of the world ("*")');
  }
  let previousGrams = 0;
  for (const band of config.bands) {
    if (band.upToGrams <= previousGrams) throw new ConfigError(`band ${band.upToGrams} g is out of order`);
    previousGrams = band.upToGrams;
    for (const zone of config.zones) {
      if (band.prices[zone.id] === undefined) {
        throw new ConfigError(`band ${band.upToGrams} g has no price for zone ${zone.id}`);
      }
    }
  }
  if (config.currencies[config.baseCurrency]?.rate !== 1) {
    throw new ConfigError(`the base currency ${config.baseCurrency} must have rate 1`);
  }
}
