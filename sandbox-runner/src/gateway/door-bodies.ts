import { z } from 'zod';
import { auditSearchInputSchema } from '../../../core/contracts/audit-search.ts';
import { runOnHostSchema } from '../../../core/contracts/host-command.ts';
import { requestInputSchema } from '../../../core/contracts/intents.ts';

/** The shapes a container may send to its own doors. It is not trusted to send them right. */
const key = z.string().min(1).max(100);

export const toolBodySchema = z.discriminatedUnion('tool', [
  z.object({
    tool: z.literal('relay'),
    key,
    input: z.object({ to: z.string().min(1).max(64), text: z.string().min(1).max(20_000) }),
  }),
  z.object({ tool: z.literal('report'), key, input: z.unknown() }),
  z.object({ tool: z.literal('run_on_host'), key, input: runOnHostSchema }),
  z.object({ tool: z.literal('request'), key, input: requestInputSchema }),
  z.object({ tool: z.literal('audit_search'), key, input: auditSearchInputSchema }),
  z.object({
    tool: z.literal('read_artifact'),
    key,
    input: z.object({
      name: z.string().min(1).max(200),
      fromLine: z.number().int().positive().optional(),
      toLine: z.number().int().positive().optional(),
      search: z.string().max(200).optional(),
    }),
  }),
]);

export const fixHeaderSchema = z.object({
  key,
  input: z.object({
    title: z.string().min(1).max(200),
    rootCause: z.string().min(1).max(300),
    fixSummary: z.string().min(1).max(4_000),
    proof: z.enum(['test', 'command']),
  }),
  head: z.string().regex(/^[0-9a-f]{40}$/),
});

const clipped = z.string().max(8_192).nullable();

export const eventSchema = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('tool'),
    id: z.string().max(200),
    name: z.string().max(200),
    phase: z.enum(['requested', 'denied', 'succeeded', 'failed']),
    input: clipped,
    output: clipped,
    durationMs: z.number().int().nonnegative().nullable(),
  }),
  z.object({ type: z.literal('said'), text: z.string().max(16_384) }),
  z.object({ type: z.literal('turn'), turns: z.number().int().nonnegative() }),
]);

export const agentEndSchema = z.object({
  reason: z.enum(['completed', 'budget', 'crashed', 'start_failed']),
  detail: z.string().max(4_096),
  turns: z.number().int().nonnegative(),
});
