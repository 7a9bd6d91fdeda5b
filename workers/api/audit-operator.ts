import type { Env } from '../env.ts';
import { auditAction } from '../routing/accept.ts';

/** The operator’s token acts as this person. */
export const OPERATOR = 'operator';

/** Puts what the operator did on the audit chain, before it is done. */
export async function auditOperator(env: Env, action: string, data: Record<string, unknown>): Promise<void> {
  await auditAction(env, { at: Date.now(), actor: OPERATOR, action, data, subjects: {} });
}
