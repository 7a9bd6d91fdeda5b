import type { Zone } from './config.ts';

export type DeliveryWindow = { earliest: string; latest: string };

/** After this hour (UTC) a parcel leaves with the next business day's run. */
export const CUT_OFF_HOUR = 17;

const DAY_MS = 86_400_000;

function isBusinessDay(date: Date): boolean {
  const day = date.getUTCDay();
  return day !== 0 && day !== 6;
}

/** The date that lies `count` business days after `start`. */
export function addBusinessDays(start: Date, count: number): Date {
  let date = start;
  let left = count;
  while (left > 0) {
    date = new Date(date.getTime() + DAY_MS);
    if (isBusinessDay(date)) left -= 1;
  }
  return date;
}

/** When a parcel handed in now arrives. Weekends and late parcels start on the next business day. */
export function deliveryWindow(zone: Zone, handedInAt: Date): DeliveryWindow {
  const late = handedInAt.getUTCHours() >= CUT_OFF_HOUR || !isBusinessDay(handedInAt);
  const departure = late ? addBusinessDays(handedInAt, 1) : handedInAt;
  return {
    earliest: isoDate(addBusinessDays(departure, zone.businessDays.from)),
    latest: isoDate(addBusinessDays(departure, zone.businessDays.to)),
  };
}

export function isoDate(date: Date): string {
  return date.toISOString().slice(0, 10);
}
