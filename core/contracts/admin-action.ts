import { z } from 'zod';

const nameSchema = z.string().regex(/^[a-z][a-z0-9-]{0,63}$/);

/** What trusted code can do for an agent once a person agreed. Closed: everything else is for a person's own hand. */
export const adminActionSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('allow_relay_route'), from: nameSchema, to: nameSchema }),
  z.object({ kind: z.literal('remove_relay_route'), from: nameSchema, to: nameSchema }),
  z.object({ kind: z.literal('pause_schedule'), schedule: nameSchema }),
  z.object({ kind: z.literal('resume_schedule'), schedule: nameSchema }),
  z.object({ kind: z.literal('run_schedule'), schedule: nameSchema }),
  /** Code cannot do it: approving means that the person takes it on. */
  z.object({ kind: z.literal('for_a_person'), text: z.string().min(1).max(2_000) }),
]);
export type AdminAction = z.infer<typeof adminActionSchema>;

/** What came of it when it was done; `refused`: it could not be done as it was permitted. */
export type AdminOutcome = { outcome: 'done' | 'refused'; detail: string };
