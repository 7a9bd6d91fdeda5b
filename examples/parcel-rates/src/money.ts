import type { CurrencyRules, RateConfig } from './config.ts';
import { RequestError } from './errors.ts';

/** An amount in the minor unit of its currency: 1295 EUR is € 12,95; 1295 JPY is ¥1,295. */
export type Money = { amount: number; currency: string };

/** Part of an amount, rounded half up to a whole minor unit. */
export function percentOf(amount: number, percent: number): number {
  return Math.round((amount * percent) / 100);
}

export function currencyRules(config: RateConfig, currency: string): CurrencyRules {
  const rules = config.currencies[currency];
  if (!rules) throw new RequestError('bad_currency', `currency ${currency} is not offered`);
  return rules;
}

/** Converts an amount of the base currency, rounded half up to the target's minor unit. */
export function convert(config: RateConfig, baseAmount: number, currency: string): Money {
  const base = currencyRules(config, config.baseCurrency);
  const target = currencyRules(config, currency);
  const major = baseAmount / 10 ** base.minorDigits;
  return { amount: Math.round(major * target.rate * 10 ** target.minorDigits), currency };
}

/** The amount as people of that currency write it. */
export function formatMoney(config: RateConfig, money: Money): string {
  const rules = currencyRules(config, money.currency);
  const format = new Intl.NumberFormat(rules.locale, {
    style: 'currency',
    currency: money.currency,
    minimumFractionDigits: rules.minorDigits,
    maximumFractionDigits: rules.minorDigits,
  });
  return format.format(money.amount / 10 ** rules.minorDigits).replace(/\s/g, ' ');
}
