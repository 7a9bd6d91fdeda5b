import type { RateConfig, WeightBand } from './config.ts';
import { RequestError } from './errors.ts';

export type Parcel = {
  weightGrams: number;
  lengthCm: number;
  widthCm: number;
  heightCm: number;
};

/** Weight by volume in grams: cubic centimetres over the divisor is kilograms. */
export function volumetricGrams(parcel: Parcel, divisor: number): number {
  const cubicCm = parcel.lengthCm * parcel.widthCm * parcel.heightCm;
  return Math.ceil((cubicCm / divisor) * 1000);
}

/** What the carrier bills: the heavier of the scale and the volume. */
export function billableGrams(parcel: Parcel, divisor: number): number {
  return Math.max(parcel.weightGrams, volumetricGrams(parcel, divisor));
}

/** The lightest band that holds the weight. A band includes its upper limit. */
export function bandFor(config: RateConfig, grams: number): WeightBand {
  const band = config.bands.find((candidate) => grams <= candidate.upToGrams);
  if (!band) {
    const limit = config.bands.at(-1)?.upToGrams ?? 0;
    throw new RequestError('too_heavy', `${grams} g is over the limit of ${limit} g`, 422);
  }
  return band;
}

export function longestSideCm(parcel: Parcel): number {
  return Math.max(parcel.lengthCm, parcel.widthCm, parcel.heightCm);
}
