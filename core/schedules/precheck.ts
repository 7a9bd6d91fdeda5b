import { z } from 'zod';

/**
 * What the Worker looks at before an agent is asked, so that no session starts to find out that nothing is due.
 * `failed_builds`: a build failed since the schedule last asked. `open_incidents`: a loop of a pipeline is open.
 */
export const precheckSchema = z.enum(['failed_builds', 'open_incidents']);
export type Precheck = z.infer<typeof precheckSchema>;

/** `unanswered`: why it is not known whether there are more. */
export interface PrecheckFacts {
  check: Precheck;
  found: number;
  sinceMs: number;
  unanswered: string | null;
}

/** When a schedule that has never asked looks back to. */
export const FIRST_LOOK_BACK_MS = 24 * 3_600_000;

/** What is not known is a reason to ask. */
export function decidePrecheck({ check, found, sinceMs, unanswered }: PrecheckFacts): {
  isDue: boolean;
  note: string;
} {
  const what =
    check === 'failed_builds'
      ? `${found} builds failed since ${new Date(sinceMs).toISOString()}`
      : `${found} incidents are open`;
  if (found > 0) return { isDue: true, note: what };
  if (unanswered !== null) return { isDue: true, note: `asked without knowing: ${unanswered}` };
  return { isDue: false, note: `not asked: ${what}` };
}
