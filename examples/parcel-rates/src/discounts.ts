import type { DiscountRules, PromoCode } from './config.ts';
import { RequestError } from './errors.ts';

export type DiscountInput = { quantity: number; promoCode?: string; today: string };

export type Discount = { percent: number; reasons: string[] };

/** The best volume step that the quantity reaches, in percent. */
export function volumePercent(rules: DiscountRules, quantity: number): number {
  const reached = rules.volume.filter((step) => quantity >= step.fromParcels);
  return reached.reduce((best, step) => Math.max(best, step.percent), 0);
}

/** Looks a code up; a code is good up to and including its last day (ISO dates compare as text). */
export function findPromo(rules: DiscountRules, code: string, today: string): PromoCode {
  const wanted = code.trim().toUpperCase();
  const promo = rules.promoCodes.find((candidate) => candidate.code === wanted);
  if (!promo) throw new RequestError('unknown_promo', `promo code ${wanted} is not known`, 422);
  if (today > promo.validUntil) {
    throw new RequestError('expired_promo', `promo code ${wanted} ended on ${promo.validUntil}`, 422);
  }
  return promo;
}

/** Volume and promo discounts add up, but never beyond the maximum. */
export function discountFor(rules: DiscountRules, input: DiscountInput): Discount {
  const reasons: string[] = [];
  let percent = volumePercent(rules, input.quantity);
  if (percent > 0) reasons.push(`volume ${percent}%`);

  if (input.promoCode) {
    const promo = findPromo(rules, input.promoCode, input.today);
    percent += promo.percent;
    reasons.push(`${promo.code} ${promo.percent}%`);
  }
  return { percent: Math.min(percent, rules.maximumPercent), reasons };
}
