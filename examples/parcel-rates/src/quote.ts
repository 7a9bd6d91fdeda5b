import type { RateConfig } from './config.ts';
import { type DeliveryWindow, deliveryWindow, isoDate } from './delivery.ts';
import { type Discount, discountFor } from './discounts.ts';
import { convert, formatMoney, type Money, percentOf } from './money.ts';
import type { QuoteRequest } from './request.ts';
import { type Surcharge, surchargesFor, totalOf } from './surcharges.ts';
import { bandFor, billableGrams } from './weight.ts';
import { zoneOf } from './zones.ts';

export type Quote = {
  zone: string;
  billableGrams: number;
  quantity: number;
  /** One parcel, in the base currency's minor unit. */
  perParcel: { base: number; surcharges: Surcharge[] };
  discount: Discount;
  total: Money & { formatted: string };
  delivery: DeliveryWindow;
};

/** Prices a request. The discount applies to base prices only; surcharges are passed on in full. */
export function quote(config: RateConfig, request: QuoteRequest, now: Date): Quote {
  const zone = zoneOf(config, request.country);
  const grams = billableGrams(request.parcel, config.volumetricDivisor);
  const base = bandFor(config, grams).prices[zone.id] ?? 0;
  const surcharges = surchargesFor(config, { ...request, basePrice: base });

  const discount = discountFor(config.discounts, { ...request, today: isoDate(now) });
  const goods = base * request.quantity;
  const reduced = goods - percentOf(goods, discount.percent);
  const total = convert(config, reduced + totalOf(surcharges) * request.quantity, request.currency);

  return {
    zone: zone.id,
    billableGrams: grams,
    quantity: request.quantity,
    perParcel: { base, surcharges },
    discount,
    total: { ...total, formatted: formatMoney(config, total) },
    delivery: deliveryWindow(zone, now),
  };
}
