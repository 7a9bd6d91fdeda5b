import { z } from 'zod';

/**
 * What a run concluded, under contract: what was found, why, how sure, what was rejected, and the evidence.
 * A result that does not parse is retried once and then dead-lettered.
 */
const common = {
  finding: z.string().min(1).max(4_000).describe('What was found'),
  reasoning: z.string().min(1).max(8_000).describe('Why it is so'),
  rootCause: z.string().min(1).max(300).describe('One short sentence for a chat message'),
  confidence: z.number().min(0).max(1),
  alternatives: z
    .array(
      z.object({ hypothesis: z.string().min(1).max(1_000), rejectedBecause: z.string().min(1).max(1_000) }),
    )
    .max(20),
  evidence: z
    .array(
      z.object({
        claim: z.string().min(1).max(1_000),
        source: z.string().min(1).max(300).describe('log:120-131, file:src/a.ts:10 or commit:<sha>'),
      }),
    )
    .min(1)
    .max(30),
};

/** Ryan's answer to "is this the code's fault?". */
export const judgementSchema = z.object({
  kind: z.literal('judgement'),
  category: z.enum(['code', 'configuration', 'environment']),
  advice: z.string().max(4_000).describe('What the developer, or the operator, should look at'),
  ...common,
});
export type Judgement = z.infer<typeof judgementSchema>;

/** Cody's answer to a failure report. */
export const fixResultSchema = z.object({
  kind: z.literal('fix'),
  outcome: z.enum(['fixed', 'not_code', 'not_diagnosable']),
  ...common,
});
export type FixResult = z.infer<typeof fixResultSchema>;

/** An agent's answer to a task. */
export const taskReportSchema = z.object({
  kind: z.literal('report'),
  outcome: z.enum(['done', 'nothing_to_do', 'blocked']),
  answer: z.string().min(1).max(4_000).describe('What the asker reads on a phone: the finding first'),
  ...common,
});
export type TaskReport = z.infer<typeof taskReportSchema>;

export const resultSchema = z.discriminatedUnion('kind', [
  judgementSchema,
  fixResultSchema,
  taskReportSchema,
]);
export type Result = z.infer<typeof resultSchema>;
