import type { UsageBlock } from '../wire/messages.ts';

/** Token sums, under the names of the API's `usage` block, and how many calls made them. */
export type UsageSum = {
  requests: number;
  input_tokens: number;
  output_tokens: number;
  cache_read_input_tokens: number;
  cache_creation_input_tokens: number;
  ephemeral_5m_input_tokens: number;
  ephemeral_1h_input_tokens: number;
};

export type UsageTotals = { total: UsageSum; byModel: Record<string, UsageSum> };

export type UsageBook = { add(model: string, usage: UsageBlock): void; totals(): UsageTotals };

export function createUsageBook(): UsageBook {
  const total = zero();
  const byModel: Record<string, UsageSum> = {};
  return {
    add(model, usage) {
      byModel[model] ??= zero();
      for (const sum of [total, byModel[model]]) addTo(sum, usage);
    },
    totals: () => structuredClone({ total, byModel }),
  };
}

function addTo(sum: UsageSum, usage: UsageBlock): void {
  sum.requests += 1;
  sum.input_tokens += usage.input_tokens;
  sum.output_tokens += usage.output_tokens;
  sum.cache_read_input_tokens += usage.cache_read_input_tokens;
  sum.cache_creation_input_tokens += usage.cache_creation_input_tokens;
  sum.ephemeral_5m_input_tokens += usage.cache_creation.ephemeral_5m_input_tokens;
  sum.ephemeral_1h_input_tokens += usage.cache_creation.ephemeral_1h_input_tokens;
}

function zero(): UsageSum {
  return {
    requests: 0,
    input_tokens: 0,
    output_tokens: 0,
    cache_read_input_tokens: 0,
    cache_creation_input_tokens: 0,
    ephemeral_5m_input_tokens: 0,
    ephemeral_1h_input_tokens: 0,
  };
}
