import { z } from 'zod';

const tokens = z.number().int().nonnegative();

/** One model call as the provider billed it (Messages API `usage`). */
export const usageSchema = z.object({
  /** The provider's request id: the key that makes counting idempotent. */
  requestId: z.string().min(1).max(200),
  model: z.string().min(1).max(100),
  at: z.number().int(),
  inputTokens: tokens,
  outputTokens: tokens,
  cacheReadTokens: tokens,
  cacheWrite5mTokens: tokens,
  cacheWrite1hTokens: tokens,
});
export type Usage = z.infer<typeof usageSchema>;

const providerUsageSchema = z.object({
  input_tokens: tokens.nullish(),
  output_tokens: tokens.nullish(),
  cache_creation_input_tokens: tokens.nullish(),
  cache_read_input_tokens: tokens.nullish(),
  cache_creation: z
    .object({
      ephemeral_5m_input_tokens: tokens.nullish(),
      ephemeral_1h_input_tokens: tokens.nullish(),
    })
    .nullish(),
});

/** Reads the `usage` block of a Messages API reply; cache writes without a TTL count as 5 minutes. */
export function usageFromProvider(
  block: unknown,
  call: { requestId: string; model: string; at: number },
): Usage {
  const usage = providerUsageSchema.parse(block);
  const write1h = usage.cache_creation?.ephemeral_1h_input_tokens ?? 0;
  const writeAll = usage.cache_creation_input_tokens ?? 0;
  return {
    ...call,
    inputTokens: usage.input_tokens ?? 0,
    outputTokens: usage.output_tokens ?? 0,
    cacheReadTokens: usage.cache_read_input_tokens ?? 0,
    cacheWrite5mTokens: usage.cache_creation?.ephemeral_5m_input_tokens ?? Math.max(0, writeAll - write1h),
    cacheWrite1hTokens: write1h,
  };
}
