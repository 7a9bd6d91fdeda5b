import { RequestError } from './errors.ts';
import type { Parcel } from './weight.ts';

export type QuoteRequest = {
  country: string;
  postcode: string;
  parcel: Parcel;
  quantity: number;
  signature: boolean;
  currency: string;
  promoCode?: string;
};

const MAX_QUANTITY = 1000;

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function record(value: unknown, name: string): Record<string, unknown> {
  if (!isRecord(value)) throw new RequestError('bad_request', `${name} must be an object`);
  return value;
}

function text(value: unknown, name: string): string {
  if (typeof value !== 'string' || value.trim() === '') {
    throw new RequestError('bad_request', `${name} must be a text`);
  }
  return value.trim();
}

function positive(value: unknown, name: string): number {
  if (typeof value !== 'number' || !Number.isFinite(value) || value <= 0) {
    throw new RequestError('bad_request', `${name} must be a number above zero`);
  }
  return value;
}

function quantityOf(value: unknown): number {
  const quantity = value === undefined ? 1 : positive(value, 'quantity');
  if (!Number.isInteger(quantity) || quantity > MAX_QUANTITY) {
    throw new RequestError('bad_quantity', `quantity must be a whole number up to ${MAX_QUANTITY}`);
  }
  return quantity;
}

/** Turns a JSON body into a request. Throws RequestError naming the field that is wrong. */
export function parseQuoteRequest(body: unknown): QuoteRequest {
  const root = record(body, 'the body');
  const destination = record(root.destination, 'destination');
  const parcel = record(root.parcel, 'parcel');

  const request: QuoteRequest = {
    country: text(destination.country, 'destination.country').toUpperCase(),
    postcode: text(destination.postcode, 'destination.postcode'),
    parcel: {
      weightGrams: positive(parcel.weightGrams, 'parcel.weightGrams'),
      lengthCm: positive(parcel.lengthCm, 'parcel.lengthCm'),
      widthCm: positive(parcel.widthCm, 'parcel.widthCm'),
      heightCm: positive(parcel.heightCm, 'parcel.heightCm'),
    },
    quantity: quantityOf(root.quantity),
    signature: root.signature === true,
    currency: root.currency === undefined ? 'EUR' : text(root.currency, 'currency').toUpperCase(),
  };
  if (root.promoCode !== undefined) request.promoCode = text(root.promoCode, 'promoCode');
  return request;
}
