import { z } from 'zod';
import { idSchema } from './ids.ts';

const word = z.string().min(1).max(200);

/** Input of the tool `audit_search`: what each row must match; reading only (row C14). */
export const auditSearchInputSchema = z.object({
  incident: word.optional(),
  run: word.optional(),
  /** As in `run_ended` or `received:build_failed`. */
  action: word.optional(),
  /** A group, a source, or `dogwatch`. */
  actor: word.optional(),
  /** A piece of text anywhere in the row. */
  text: word.optional(),
  limit: z.number().int().min(1).max(50).optional(),
});
export type AuditSearchInput = z.infer<typeof auditSearchInputSchema>;

/** Body of `POST /runner/audit-search`. */
export const auditSearchRequestSchema = z.object({
  run: idSchema('run'),
  fence: z.number().int().positive(),
  input: auditSearchInputSchema,
});
export type AuditSearchRequest = z.infer<typeof auditSearchRequestSchema>;

/** Its answer: rows for the agent to read, fenced. */
export const auditSearchAnswerSchema = z.object({ text: z.string().max(64_000) });
