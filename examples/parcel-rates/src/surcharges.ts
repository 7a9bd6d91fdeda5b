import type { RateConfig } from './config.ts';
import { percentOf } from './money.ts';
import { longestSideCm, type Parcel } from './weight.ts';
import { isRemote } from './zones.ts';

export type SurchargeName = 'fuel' | 'remote-area' | 'oversize' | 'signature';

export type Surcharge = { name: SurchargeName; amount: number };

export type SurchargeInput = {
  basePrice: number;
  parcel: Parcel;
  country: string;
  postcode: string;
  signature: boolean;
};

/** All surcharges of one parcel. Fuel is a part of the base price, never of other surcharges. */
export function surchargesFor(config: RateConfig, input: SurchargeInput): Surcharge[] {
  const rules = config.surcharges;
  const list: Surcharge[] = [{ name: 'fuel', amount: percentOf(input.basePrice, rules.fuelPercent) }];

  if (isRemote(config, input.country, input.postcode)) {
    list.push({ name: 'remote-area', amount: rules.remoteArea });
  }
  if (longestSideCm(input.parcel) > rules.oversizeLongestSideCm) {
    list.push({ name: 'oversize', amount: rules.oversize });
  }
  if (input.signature) {
    list.push({ name: 'signature', amount: rules.signature });
  }
  return list;
}

export function totalOf(surcharges: Surcharge[]): number {
  return surcharges.reduce((sum, surcharge) => sum + surcharge.amount, 0);
}
