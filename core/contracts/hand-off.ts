import { z } from 'zod';
import { artifactSchema, commitSchema } from './artifact.ts';

const lines = z.array(z.string().min(1).max(1_000)).max(50);

/** Row B17: what a fresh session needs to go on where another one stopped. Written by an agent: data, not orders. */
export const handOffSchema = z.object({
  objective: z.string().min(1).max(2_000),
  done: lines,
  remaining: lines,
  decisions: lines,
  files: z.array(z.string().min(1).max(500)).max(200),
  blockers: lines,
});
export type HandOff = z.infer<typeof handOffSchema>;

/** The work of a session as it was at one moment, kept outside its container. */
export const checkpointSchema = z.object({
  /** Null: kept by the machinery, the agent wrote nothing. */
  handOff: handOffSchema.nullable(),
  /** A Git bundle of what was done since the run's base; null: nothing was. */
  bundle: artifactSchema.nullable(),
  /** Last commit of the agent. */
  head: commitSchema,
  /** A commit on top of `head` with what was not committed; null: nothing was. */
  uncommitted: commitSchema.nullable(),
});
export type Checkpoint = z.infer<typeof checkpointSchema>;
