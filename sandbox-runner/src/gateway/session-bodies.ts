import { z } from 'zod';
import { commitSchema } from '../../../core/contracts/artifact.ts';
import { handOffSchema } from '../../../core/contracts/hand-off.ts';
import { eventSchema } from './door-bodies.ts';

const [toolSchema, ...others] = eventSchema.options;

/** A line of the ledger with what the session's governors look at. */
export const sessionEventSchema = z.discriminatedUnion('type', [
  toolSchema.extend({
    workspace: z
      .object({ digest: z.string().max(64), files: z.number().int().nonnegative() })
      .nullish()
      .transform((workspace) => workspace ?? null),
  }),
  ...others,
  z.object({ type: z.literal('compacted') }),
  z.object({ type: z.literal('stopping') }),
]);

/** First line of a checkpoint; the bytes of a bundle follow. `input` null: the machinery asked for it. */
export const checkpointHeaderSchema = z.object({
  key: z.string().min(1).max(100),
  input: handOffSchema.extend({ final: z.boolean().default(false) }).nullable(),
  head: commitSchema,
  uncommitted: commitSchema.nullable(),
});
